import {
  createPool,
  decisionTreeProfile,
  defaultProfile,
  type ModelServerMetrics,
  type PoolState,
  type Profile,
  referenceProfile,
} from "@umbra/scheduler";
import type { BenchRequest } from "./workloads.ts";

/** A way to pick. Sees what a gateway sees: its own requests and the servers' metrics. */
export interface Policy {
  readonly name: string;
  create(world: World): Picking;
}

export interface World {
  now(): number;
  schedule(run: () => void, afterMs: number): void;
  /** Uniform in [0, 1). */
  random(): number;
  readonly addresses: readonly string[];
}

export interface Picking {
  pick(request: BenchRequest): PickedEndpoint;
  /** One for each process that picks; absent: metrics are not looked at. */
  readonly scraped?: readonly Scraped[];
}

export type Scraped = (address: string, metrics: ModelServerMetrics, startedMs: number) => void;

export interface PickedEndpoint {
  readonly address: string;
  firstToken(): void;
  done(outputTokens: number): void;
}

function plain(
  name: string,
  choose: (world: World) => (inFlight: readonly number[]) => number,
): Policy {
  return {
    name,
    create(world) {
      const inFlight = world.addresses.map(() => 0);
      const next = choose(world);
      return {
        pick() {
          const i = next(inFlight);
          inFlight[i] = (inFlight[i] ?? 0) + 1;
          return {
            address: world.addresses[i] as string,
            firstToken() {},
            done() {
              inFlight[i] = (inFlight[i] ?? 0) - 1;
            },
          };
        },
      };
    },
  };
}

/** A profile of the scheduler, with the pool's state as in the sidecar. */
function scheduled(
  name: string,
  profile: () => Profile,
  { seesFirstTokens = true }: { readonly seesFirstTokens?: boolean } = {},
): Policy {
  return {
    name,
    create({ now, random, addresses }) {
      const pool = createPool({ name, now, random, profiles: [{ profile: profile() }] });
      pool.setEndpoints(addresses);
      return {
        pick: (request) => pickedFrom(pool, request, { seesFirstTokens }),
        scraped: [(address, metrics, startedMs) => pool.recordScrape(address, metrics, startedMs)],
      };
    },
  };
}

/** Picks in a pool's state. */
export function pickedFrom(
  pool: PoolState,
  { model, adapter, prompt, session }: BenchRequest,
  { seesFirstTokens = true }: { readonly seesFirstTokens?: boolean } = {},
): PickedEndpoint {
  const picked = pool.pick({
    model,
    prompt,
    session,
    // The tree drops all others where the pool is full; a comparison needs every request served.
    criticality: "Critical",
    ...(adapter === undefined ? {} : { adapter }),
  });
  if (!picked.ok) throw new Error(`${pool.name} has refused a request: ${picked.code}`);
  const { endpoint: address, lease } = picked;
  return {
    address,
    firstToken() {
      if (seesFirstTokens) lease.firstToken();
    },
    done: (outputTokens) => lease.done({ outputTokens }),
  };
}

export const policies: readonly Policy[] = [
  plain("round robin", ({ addresses }) => {
    let turn = 0;
    return () => turn++ % addresses.length;
  }),
  plain(
    "random",
    ({ addresses, random }) =>
      () =>
        Math.floor(random() * addresses.length),
  ),
  plain("least request", ({ random }) => (inFlight) => {
    const fewest = Math.min(...inFlight);
    const tied = inFlight.flatMap((count, i) => (count === fewest ? [i] : []));
    return tied[Math.floor(random() * tied.length)] ?? 0;
  }),
  scheduled("decision tree", decisionTreeProfile),
  scheduled("reference weights", referenceProfile),
  scheduled("umbra", defaultProfile),
  // As in a sidecar whose filter sees requests only.
  scheduled("umbra without first tokens", defaultProfile, { seesFirstTokens: false }),
];
