import type { StreamOutcome } from "@umbra/ext-proc";
import type { StreamKind } from "./process-metrics.ts";
import type { SidecarMetrics } from "./sidecar-metrics.ts";

/** Counts the stream of an exchange from now on to its end. */
export function timed<Exchange extends { onEnd?(outcome: StreamOutcome): void }>(
  kind: StreamKind,
  exchange: Exchange,
  metrics: Pick<SidecarMetrics, "streamOpened" | "streamEnded">,
  now: () => number,
): Exchange {
  const startedMs = now();
  const onEnd = exchange.onEnd?.bind(exchange);
  metrics.streamOpened(kind);
  exchange.onEnd = (outcome) => {
    metrics.streamEnded(kind, outcome, now() - startedMs);
    onEnd?.(outcome);
  };
  return exchange;
}
