import type { Topology } from "@umbra/envoy-config";
import type { Sidecar } from "@umbra/sidecar";

/** Changes what a sidecar serves in one go, without Envoys that have to follow. */
export function applyAtOnce(
  { serving }: Pick<Sidecar, "serving">,
  { topology }: { readonly topology: Topology },
): void {
  serving.begin(topology);
  serving.admitEndpoints();
  serving.retire();
}
