import type { Exposition } from "../metrics/exposition.ts";
import type { Peers } from "./peers.ts";

/** Adds metrics of the peers. `peers`: undefined without peers. */
export function addPeerMetrics(metrics: Exposition, peers: () => Peers | undefined): void {
  metrics.gauge(
    {
      name: "umbra_peers",
      help: "Addresses of peers by state: `ready`, `away`, `new` (not tried yet) or `other` (this process, or one with another address).",
      labels: ["state"],
    },
    () => {
      const links = peers()?.links ?? [];
      return (["ready", "away", "new", "other"] as const).map((state) => [
        [state],
        links.filter((link) => link.state === state).length,
      ]);
    },
  );
  metrics.gauge(
    {
      name: "umbra_peers_judge",
      help: "1 while this process judges the samples of all peers.",
    },
    () => [[[], Number(peers()?.isJudge ?? false)]],
  );
  metrics.add({
    type: "counter",
    name: "umbra_peers_reports_total",
    help: "Reports of loads and prompts from peers: `taken` or `invalid`.",
    labels: ["outcome"],
    read: () => {
      const { reportsTaken = 0, reportsInvalid = 0 } = peers()?.counts ?? {};
      return [
        [["taken"], reportsTaken],
        [["invalid"], reportsInvalid],
      ];
    },
  });
  metrics.add({
    type: "counter",
    name: "umbra_peers_sample_pages_total",
    help: "Pages of samples from peers: `taken`, or `failed` requests for them.",
    labels: ["outcome"],
    read: () => {
      const { pagesTaken = 0, pagesFailed = 0 } = peers()?.counts ?? {};
      return [
        [["taken"], pagesTaken],
        [["failed"], pagesFailed],
      ];
    },
  });
}
