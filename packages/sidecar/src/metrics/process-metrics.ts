import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { StreamKind, StreamOutcome } from "@umbra/ext-proc";
import type { Exposition } from "./exposition.ts";

export interface ProcessMetrics {
  streamOpened(kind: StreamKind): void;
  streamEnded(kind: StreamKind, outcome: StreamOutcome, tookMs: number): void;
  /** A stream has ended by an error of this process. */
  streamFailed(): void;
  close(): void;
}

const manifest = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { readonly version: string };

export const version: string = manifest.version;

const streamBounds = [...[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600]];

/** How often the event loop is looked at, in ms. */
const resolutionMs = 20;

/** Adds what concerns the process and its gRPC streams. */
export function addProcessMetrics(metrics: Exposition): ProcessMetrics {
  const open = metrics.level({
    name: "umbra_open_streams",
    help: "ext_proc streams open now.",
    labels: ["kind"],
    compatible: { name: "extproc_streams_inflight" },
  });
  const ended = metrics.counter({
    name: "umbra_streams_total",
    help: "ext_proc streams that are over: `complete`, `cancelled` before their end, or `failed`.",
    compatible: { name: "extproc_streams_total", labels: ["code"] },
    labels: ["kind", "outcome"],
  });
  const took = metrics.histogram({
    name: "umbra_stream_duration_seconds",
    help: "How long ext_proc streams were open.",
    compatible: { name: "extproc_stream_duration_seconds" },
    labels: ["kind"],
    bounds: streamBounds,
  });
  const failed = metrics.counter({
    name: "umbra_stream_failures_total",
    help: "ext_proc streams that ended by an error of this process.",
  });
  failed.at();
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  metrics.gauge(
    {
      name: "umbra_event_loop_delay_seconds",
      help: "How late timers were since the scrape before: quantiles 0.5, 0.99, 0.999 and 1, the worst.",
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
      help: "Always 1: which Umbra on which Node.js this is.",
      compatible: {
        name: "info",
        labels: ["commit", "build_ref"],
        note: "`build_ref` is the version, `commit` is empty",
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
    streamFailed() {
      failed.at().value++;
    },
    close: () => delay.disable(),
  };
}
