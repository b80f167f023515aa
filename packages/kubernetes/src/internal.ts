// What only this repository's tests import, as `@umbra/kubernetes/internal`. No promises: it may change in any version,
// and it resolves only under the condition `@umbra/source`, which this repository sets and an application does not.

export { LineSplitter } from "./api/line-splitter.ts";
export { defaultListLimits } from "./api/list-objects.ts";
export { accessOf } from "./credentials/access.ts";
export { readInCluster } from "./credentials/in-cluster.ts";
export { kubeconfigFiles, readKubeconfig } from "./credentials/kubeconfig.ts";
export {
  afterLook,
  afterWrite,
  defaultLeaseTiming,
  type LeaseRecord,
  type LeaseState,
  remainingMsOf,
  stepOf,
} from "./lease/lease-state.ts";
export { type HeldObject, readObject } from "./objects/held-object.ts";
export { ObjectCache } from "./objects/object-cache.ts";
export { defaultStatusPace, StatusQueue } from "./status/status-queue.ts";
export {
  afterOutcome,
  defaultPace,
  type FollowState,
  type Outcome,
  startOf,
} from "./watch/follow-state.ts";
export { Following } from "./watch/following.ts";
export { readWatchEvent, type WatchEvent } from "./watch/watch-event.ts";
