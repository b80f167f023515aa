export {
  type ApiAccess,
  type ApiClient,
  type ApiRequest,
  type ApiStream,
  type Authorized,
  createApiClient,
} from "./api/api-client.ts";
export {
  isKubernetesError,
  KubernetesError,
  type KubernetesErrorCode,
} from "./api/kubernetes-error.ts";
export { readAccess } from "./credentials/access.ts";
export type { KubeconfigOptions } from "./credentials/kubeconfig.ts";
export {
  type KubernetesSource,
  type KubernetesSourceOptions,
  startKubernetes,
} from "./kubernetes-source.ts";
export { holdLease, type LeaseHolder, type LeaseOptions } from "./lease/lease-holder.ts";
export type { LeaseTiming } from "./lease/lease-state.ts";
export type { ObjectChange, ObjectId } from "./objects/held-object.ts";
export type { JsonObject, JsonValue } from "./objects/json.ts";
export type { Scope, WatchedKind } from "./objects/watched-kind.ts";
export { type PatchOutcome, type PatchStatusOptions, patchStatus } from "./status/patch-status.ts";
export {
  createStatusWriter,
  type StatusOutcome,
  type StatusTarget,
  type StatusWriter,
  type StatusWriterOptions,
  type WantedStatus,
} from "./status/status-writer.ts";
export type { Condition } from "./watch/follow-state.ts";
export type { ScopeState } from "./watch/follower.ts";
export type { MissingAccess, Problem } from "./watch/problem.ts";
