import type { Exposition } from "../metrics/exposition.ts";

/** How following one kind of an API server's objects goes. */
export interface FollowedKind {
  /** As `kubectl` names it: `httproutes.gateway.networking.k8s.io`. */
  readonly resource: string;
  /** "" for all namespaces. */
  readonly namespace: string;
  /** Since the API server was last heard about this kind; absent before the first time. */
  readonly secondsSinceContact?: number;
  /** What keeps it from being followed, for people. */
  readonly problem?: string;
}

/** The kinds that are followed at the time of the call. */
export type FollowedKinds = () => readonly FollowedKind[];

/** Adds metrics of the kinds that are followed. */
export function addFollowedKindsMetrics(metrics: Exposition, kinds: FollowedKinds): void {
  metrics.gauge(
    {
      name: "umbra_kubernetes_seconds_since_contact",
      help: "Seconds since the last message from the API server about a kind of object; up to 60 is normal; absent before the first contact.",
      labels: ["resource", "namespace"],
    },
    () =>
      kinds().flatMap(({ resource, namespace, secondsSinceContact }) =>
        secondsSinceContact === undefined ? [] : [[[resource, namespace], secondsSinceContact]],
      ),
  );
}

/** Most problems that `/readyz` shows: one that follows hundreds of namespaces may have thousands. */
const maxShown = 10;

/** What keeps kinds from being followed: the last state is served, so that it is no reason not to be ready. */
export function problemsOf(kinds: FollowedKinds): readonly string[] {
  const problems = kinds().flatMap(({ problem }) => problem ?? []);
  const hidden = problems.length - maxShown;
  if (hidden <= 0) return problems;
  return [...problems.slice(0, maxShown), `and ${hidden} more: the log names each of them`];
}
