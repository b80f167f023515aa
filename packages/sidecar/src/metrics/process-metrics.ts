import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { StreamKind, StreamOutcome } from "@umbra/ext-proc";
import type { Exposition } from "./exposition.ts";

export interface ProcessMetrics {
  streamOpened(kind: StreamKind): void;
  streamEnded(kind: StreamKind, outcome: StreamOutcome, tookMs: number): void;
  /** A stream ended because of an error in this process. */
  streamFailed(): void;
  /** A stream ended because its message did not fit into the memory of held requests. */
  streamWithoutRoom(): void;
  close(): void;
}

const manifest = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { readonly version: string };

export const version: string = manifest.version;

const streamBounds = [...[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600]];

/** Sampling interval of the event loop's delay, in ms. */
const resolutionMs = 20;

/** Adds metrics of the process and its gRPC streams. */
export function addProcessMetrics(metrics: Exposition): ProcessMetrics {
  const open = metrics.level({
    name: "umbra_open_streams",
    help: "Open ext_proc streams.",
    labels: ["kind"],
    compatible: { name: "extproc_streams_inflight" },
  });
  const ended = metrics.counter({
    name: "umbra_streams_total",
    help: "Ended ext_proc streams: `complete`, `cancelled` before their end, or `failed`.",
    compatible: { name: "extproc_streams_total", labels: ["code"] },
    labels: ["kind", "outcome"],
  });
  const took = metrics.histogram({
    name: "umbra_stream_duration_seconds",
    help: "Duration of ext_proc streams.",
    compatible: { name: "extproc_stream_duration_seconds" },
    labels: ["kind"],
    bounds: streamBounds,
  });
  const failures = addFailures(metrics);
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  metrics.gauge(
    {
      name: "umbra_event_loop_delay_seconds",
      help: "Delay of timers since the previous scrape: quantiles 0.5, 0.99, 0.999 and 1 (maximum).",
      labels: ["quantile"],
    },
    () => {
      const late = (ns: number) => Math.max(0, ns / 1e9 - resolutionMs / 1_000);
      const read = [0.5, 0.99, 0.999, 1].map(
        (quantile) => [[String(quantile)], late(delay.percentile(quantile * 100))] as const,
      );
      delay.reset();
      return read;
    },
  );
  metrics.gauge(
    {
      name: "umbra_build_info",
      help: "Always 1; the labels are the versions of Umbra and Node.js.",
      compatible: {
        name: "info",
        labels: ["commit", "build_ref"],
        note: "`build_ref` is the version and `commit` is empty",
        row: ([release]) => ["", release],
      },
      labels: ["version", "node"],
    },
    () => [[[version, process.version], 1]],
  );

  return {
    streamOpened(kind) {
      open.at(kind).value++;
    },
    streamEnded(kind, outcome, tookMs) {
      open.at(kind).value--;
      ended.at(kind, outcome).value++;
      took.at(kind).observe(tookMs / 1_000);
    },
    ...failures,
    close: () => delay.disable(),
  };
}

function addFailures(
  metrics: Exposition,
): Pick<ProcessMetrics, "streamFailed" | "streamWithoutRoom"> {
  const failed = metrics.counter({
    name: "umbra_stream_failures_total",
    help: "ext_proc streams that ended because of an error in this process.",
  });
  const withoutRoom = metrics.counter({
    name: "umbra_streams_without_room_total",
    help: "ext_proc streams that ended because `sidecarMemory` has no room for another message: the pool's `failureMode` applies.",
  });
  failed.at();
  withoutRoom.at();
  return {
    streamFailed() {
      failed.at().value++;
    },
    streamWithoutRoom() {
      withoutRoom.at().value++;
    },
  };
}
