export type { AdminAnswers, AdminPath, Explained, PoolAnswer } from "./admin/admin-answers.ts";
export type { ShadowCall } from "./admin/shadow-calls.ts";
export type { ServingState } from "./apply/serving-state.ts";
export type { SidecarServing } from "./apply/sidecar-serving.ts";
export type { AdsAddress } from "./configuration/ads-listener.ts";
export type { ConfigAnswer, EnvoyAnswer, ShownRejection } from "./configuration/config-answer.ts";
export type {
  AppliedConfiguration,
  Refusal,
  RolloutListener,
} from "./configuration/configuration-rollout.ts";
export type { ConfigurationFacts } from "./configuration/configuration-state.ts";
export type { FollowedKind, FollowedKinds } from "./configuration/followed-kinds.ts";
export type { ListenerReply } from "./configuration/listener-replies.ts";
export type { StatusWrites } from "./configuration/status-writes.ts";
export type { Distribution } from "./metrics/distribution.ts";
export type { MetricFamily } from "./metrics/exposition.ts";
export type { Budget } from "./mirror/budget.ts";
export type { IneligibleReason } from "./mirror/eligibility.ts";
export type { MirrorState } from "./mirror/mirror-gate.ts";
export { type PeerKeys, readPeerKeys } from "./peers/peer-keys.ts";
export type { PeersOptions } from "./peers/peers.ts";
export type { GatewayOptions } from "./requests/gateway-stream.ts";
export { type ReadKey, readEndpointKey } from "./scrape/endpoint-key.ts";
export { type EndpointConnectOptions, endpointConnectOptions } from "./scrape/endpoint-trust.ts";
export { unverifiedEndpoints } from "./scrape/unverified-tls.ts";
export { type Sidecar, startSidecar } from "./sidecar.ts";
export type { SidecarOptions } from "./sidecar-options.ts";
export type { CertificateSource } from "./tls/certificates.ts";
