import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sample } from "@umbra/shadow";
import { type Gateway, startGateway } from "./gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./model-servers.ts";
import { policyScenario } from "./resources.ts";

type LaneOptions = Parameters<typeof startModelServers>[1];

export interface ComparedLanesOptions {
  /** One simulated model server each: `primary`, and those of `mirrors`. */
  readonly lanes: Readonly<Record<string, LaneOptions>>;
  readonly mirrors: readonly string[];
  /** The spec of the ShadowPolicy. */
  readonly policy: string;
}

/** A gateway with simulated model servers, and the samples of its evaluations. */
export interface ComparedLanes {
  readonly gateway: Gateway;
  /** The file of the samples. */
  readonly file: string;
  /** Reads the file of samples again. */
  readSamples(): void;
  /** Of the samples read last: the candidate's pairs whose two answers were good. */
  of(candidate: string): readonly Sample[];
  stop(): Promise<void>;
}

export async function startComparedLanes({
  lanes,
  mirrors,
  policy,
}: ComparedLanesOptions): Promise<ComparedLanes> {
  const folder = mkdtempSync(join(tmpdir(), "umbra-compared-"));
  const file = join(folder, "samples.ndjson");
  const servers: Record<string, ModelServer[]> = {};
  let gateway: Gateway | undefined;
  let samples: readonly Sample[] = [];
  const stop = async () => {
    await gateway?.stop();
    await stopModelServers(Object.values(servers).flat());
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const [name, options] of Object.entries(lanes)) {
      servers[name] = await startModelServers(1, options);
    }
    const pools = Object.fromEntries(
      Object.entries(servers).map(([name, lane]) => [name, addresses(lane)]),
    );
    gateway = await startGateway({
      resources: policyScenario({ backends: { primary: 1 }, mirrors, pools, policy }),
      serveFlags: ["--samples", file],
    });
  } catch (cause) {
    await stop();
    throw cause;
  }
  return {
    ...{ gateway, file },
    readSamples() {
      samples = readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line.includes('"mirrored"'))
        .map((line): Sample => JSON.parse(line) as Sample);
    },
    of: (candidate) =>
      samples.filter(
        ({ candidate: pool, primary, shadow }) =>
          pool === `default/${candidate}` && primary.class === "ok" && shadow?.class === "ok",
      ),
    stop,
  };
}
