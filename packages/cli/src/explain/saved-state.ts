import { isPoolCalled, type Pool, type Topology } from "@umbra/envoy-config";
import { createPool, type InferenceRequest, type PoolState } from "@umbra/scheduler";
import { readPickerConfig } from "@umbra/scheduler/config";
import { defined } from "@umbra/shadow/defined";
import type { Explained, PoolAnswer } from "@umbra/sidecar";
import { CommandError } from "../errors.ts";

type Endpoint = PoolAnswer["endpoints"][number];

/** An endpoint as in a snapshot. Only the address is required. */
type StateOfEndpoint = Pick<Endpoint, "address"> & Partial<Endpoint>;

interface StateOfPool extends Pick<PoolAnswer, "name">, Partial<Pick<PoolAnswer, "adapters">> {
  readonly endpoints: readonly StateOfEndpoint[];
}

type StateQuery = { readonly pool: string; readonly model?: string } & Pick<
  InferenceRequest,
  "session" | "promptTokens" | "priority"
>;

const nowMs = 1_000_000;
const mostInFlight = 10_000;

/** Picks an endpoint in a pool restored from a saved state. The state contains no prompt prefixes. */
export function explainState(
  state: unknown,
  query: StateQuery,
  topology: Topology | undefined,
): Explained {
  const saved = poolIn(state, query.pool);
  const resources = topology?.pools.find(({ name }) => name === saved.name);
  const { model = "", session, promptTokens, priority } = query;
  const criticality = resources?.models.find(({ name }) => name === model)?.criticality;
  const request: InferenceRequest = {
    model,
    ...(saved.adapters?.includes(model) === true ? { adapter: model } : {}),
    ...defined({ criticality, session, promptTokens, priority }),
  };
  return { pool: saved.name, request, explanation: restored(saved, resources).explain(request) };
}

function poolIn(state: unknown, name: string): StateOfPool {
  const pools = (state as { readonly pools?: unknown } | null)?.pools;
  if (!Array.isArray(pools)) {
    throw new CommandError(
      'the file has no "pools": save a state with curl http://127.0.0.1:9090/v1/pools',
    );
  }
  const all = pools as readonly StateOfPool[];
  const found = all.find((each) => isPoolCalled(each.name, name));
  if (found === undefined || !Array.isArray(found.endpoints)) {
    const known = all.map((each) => each.name).join(", ");
    throw new CommandError(
      `the state has no pool "${name}" with endpoints; it has ${known || "none"}`,
    );
  }
  return found;
}

function restored(saved: StateOfPool, resources: Pool | undefined): PoolState {
  const read = readPickerConfig(resources?.pickerConfig ?? {});
  const pool = createPool({
    name: saved.name,
    now: () => nowMs,
    ...(read.ok ? read.config.poolOptions() : {}),
  });
  pool.setEndpoints(saved.endpoints.map(({ address, labels = {} }) => ({ address, labels })));
  for (const endpoint of saved.endpoints) {
    const { address, metrics, inFlight = 0, recentAdapters = [] } = endpoint;
    if (!isState(metrics)) {
      throw new CommandError(
        `the metrics of ${address} in the state must have the sidecar's format, such as {"kind": "fresh", "metrics": {"waitingRequests": 0, "runningRequests": 0}}`,
      );
    }
    for (let i = 0; i < Math.min(inFlight, mostInFlight); i++) hold(pool, address);
    if (metrics !== undefined && metrics.kind !== "missing") {
      // The scraped counts already include requests that were in flight.
      pool.recordScrape(address, scraped(metrics), nowMs + 1);
    }
    for (const adapter of recentAdapters) hold(pool, address, adapter)?.release();
  }
  return pool;
}

function isState(metrics: StateOfEndpoint["metrics"]): boolean {
  if (metrics === undefined || metrics.kind === "missing") return true;
  const { waitingRequests, runningRequests } = metrics.metrics ?? {};
  return [waitingRequests, runningRequests].every((count) => Number.isFinite(count));
}

/** Adapter lists are arrays in JSON. */
function scraped({ kind, metrics }: Exclude<Endpoint["metrics"], { kind: "missing" }>) {
  const { activeAdapters, loadedAdapters, namedAdapters: _, ...others } = metrics;
  return {
    ...others,
    activeAdapters: new Set(activeAdapters),
    ...(loadedAdapters === undefined ? {} : { loadedAdapters: new Set(loadedAdapters) }),
    scrapedAtMs: kind === "stale" ? 0 : nowMs,
  };
}

/** Critical, because a profile may refuse other requests, and these were already sent. */
function hold(pool: PoolState, address: string, adapter?: string) {
  const picked = pool.pick({
    model: adapter ?? "",
    subset: [address],
    promptTokens: 0,
    criticality: "Critical",
    ...defined({ adapter }),
  });
  return picked.ok ? picked.lease : undefined;
}
