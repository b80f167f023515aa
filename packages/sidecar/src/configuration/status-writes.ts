import type { Exposition } from "../metrics/exposition.ts";

/** How writing statuses of an API server's objects goes. */
export interface StatusWrites {
  /** Whether this process is the one that writes. */
  readonly isHolder: boolean;
  /** Objects whose status waits to be written. */
  readonly pending: number;
  /** Attempts by resource, as `kubectl` names it, and by outcome. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** What keeps statuses from being written, for people. */
  readonly problems: readonly string[];
}

/** Adds metrics of the statuses that are written. */
export function addStatusWritesMetrics(metrics: Exposition, writes: () => StatusWrites): void {
  metrics.add({
    name: "umbra_kubernetes_status_writes_total",
    help: "Attempts to write the status of an object, by resource and outcome: `written`; `unchanged`, `gone` and `not-holder` wrote nothing; `conflict`, `forbidden`, `refused` and `failed` are tried again.",
    labels: ["resource", "outcome"],
    type: "counter",
    read: () =>
      [...writes().counts].flatMap(([resource, outcomes]) =>
        [...outcomes].map(([outcome, count]): [readonly string[], number] => [
          [resource, outcome],
          count,
        ]),
      ),
  });
  metrics.gauge(
    {
      name: "umbra_kubernetes_statuses_pending",
      help: "Objects whose status waits to be written.",
    },
    () => [[[], writes().pending]],
  );
  metrics.gauge(
    {
      name: "umbra_kubernetes_lease_held",
      help: "1 in the process that writes statuses, else 0.",
    },
    () => [[[], writes().isHolder ? 1 : 0]],
  );
}
