import type { StreamOutcome } from "@umbra/ext-proc";
import { compatibleMetrics } from "./compatible.ts";
import type { Exposition } from "./exposition.ts";

export interface CompatStreams {
  streamOpened(): void;
  streamEnded(outcome: StreamOutcome, tookMs: number): void;
}

const grpcCodes: Readonly<Record<StreamOutcome, string>> = {
  complete: "OK",
  cancelled: "Canceled",
  failed: "Aborted",
};

/** Adds stream metrics under the reference endpoint picker's names. */
export function addCompatStreams(metrics: Exposition): CompatStreams {
  const { counts, distributions, read } = compatibleMetrics(metrics);
  let open = 0;
  read("umbra_open_streams", () => [[[], open]]);
  const took = distributions("umbra_stream_duration_seconds").at();
  const ended = counts("umbra_streams_total");
  return {
    streamOpened() {
      open++;
    },
    streamEnded(outcome, tookMs) {
      open--;
      ended.at(grpcCodes[outcome]).value++;
      took.observe(tookMs / 1_000);
    },
  };
}
