export {
  type Admission,
  type AdmissionOptions,
  admitAll,
  createAdmission,
} from "./admission/admission.ts";
export {
  type ConcurrencyOptions,
  concurrencyDetector,
  type SaturationDetector,
  type UtilizationOptions,
  utilizationDetector,
} from "./admission/saturation.ts";
export type { EndpointScore, Explanation, FilterStep, ScorerStep } from "./explanation.ts";
export { type CapacityOptions, capacityFilter, maxInFlightFilter } from "./filters/capacity.ts";
export { circuitBrokenFilter } from "./filters/circuit-broken.ts";
export { engineReadyFilter } from "./filters/engine-ready.ts";
export { freshMetricsFilter } from "./filters/fresh-metrics.ts";
export { type LabelOptions, labelFilter } from "./filters/label.ts";
export { type LeastKvCacheOptions, leastKvCacheFilter } from "./filters/least-kv-cache.ts";
export { type LeastQueueOptions, leastQueueFilter } from "./filters/least-queue.ts";
export {
  adapterRoomFilter,
  type LoraAffinityOptions,
  loraAffinityFilter,
} from "./filters/lora-affinity.ts";
export { type LowQueueOptions, lowQueueFilter } from "./filters/low-queue.ts";
export type { LowBand } from "./filters/lowest-band.ts";
export { type PrefixAffinityOptions, prefixAffinityFilter } from "./filters/prefix-affinity.ts";
export {
  type Endpoint,
  type EngineState,
  hasAdapterRoom,
  holdsAdapter,
  knownMetrics,
  type MetricsState,
  type ModelServerMetrics,
} from "./model/endpoint.ts";
export { kvCacheUsage, queueLength, runningRequests } from "./model/load.ts";
export {
  type Criticality,
  type InferenceRequest,
  isSheddable,
  priorityOf,
  promptTokensOf,
} from "./model/request.ts";
export { maxScorePicker } from "./pickers/max-score.ts";
export { powerOfTwoPicker } from "./pickers/power-of-two.ts";
export { randomPicker } from "./pickers/random.ts";
export { topKPicker } from "./pickers/top-k.ts";
export { weightedRandomPicker } from "./pickers/weighted-random.ts";
export {
  defineFilter,
  defineScorer,
  type Filter,
  type PickContext,
  type Picker,
  type Scorer,
  type WeightedScorer,
} from "./plugin.ts";
export { type EndpointAnswer, isErrorStatus } from "./pool/answer.ts";
export type { PluginTime, PoolEvent } from "./pool/events.ts";
export type { HealthOptions } from "./pool/health.ts";
export type { EndpointModels } from "./pool/holders.ts";
export type { KnownLoad } from "./pool/known-load.ts";
export { maxPeers, type PeerLoad, type PeerReport, type SentPrompt } from "./pool/peer-report.ts";
export { createPool } from "./pool/pool.ts";
export type { PrefixOptions } from "./pool/prefix-view.ts";
export type { EndpointSnapshot, PoolSnapshot } from "./pool/snapshot.ts";
export type {
  EndpointEntry,
  PickOptions,
  PoolOptions,
  PoolSettings,
  PoolState,
  ProfileRule,
} from "./pool/types.ts";
export {
  createProfile,
  type OnStep,
  type PluginPoint,
  type Profile,
  type ProfileOptions,
  type RefusedBy,
  type Trace,
} from "./profile.ts";
export { decisionTreeProfile } from "./profiles/decision-tree.ts";
export { defaultProfile } from "./profiles/default.ts";
export { referenceProfile } from "./profiles/reference.ts";
export type { Lease, Picked, PickResult, Refused } from "./result.ts";
export {
  createModelRewriter,
  type ModelRewriter,
  type RewriteRule,
  type RewriteTarget,
} from "./rewrite/model-rewrite.ts";
export type { SchedulingErrorCode } from "./scheduling-error-code.ts";
export { type ExpectedWorkOptions, expectedWorkScorer } from "./scorers/expected-work.ts";
export { type InFlightOptions, inFlightScorer } from "./scorers/in-flight.ts";
export { kvCacheScorer } from "./scorers/kv-cache.ts";
export { latencyScorer } from "./scorers/latency.ts";
export { loraAffinityScorer } from "./scorers/lora-affinity.ts";
export { type NoHitLruOptions, noHitLruScorer } from "./scorers/no-hit-lru.ts";
export { type PrefixCacheOptions, prefixCacheScorer } from "./scorers/prefix-cache.ts";
export { type LoadAwareOptions, loadAwareScorer, queueScorer } from "./scorers/queue.ts";
export { runningRequestsScorer } from "./scorers/running-requests.ts";
export { type SessionAffinityOptions, sessionAffinityScorer } from "./scorers/session-affinity.ts";
export { type TokenLoadOptions, tokenLoadScorer } from "./scorers/token-load.ts";
export { type SessionKeyOptions, sessionKey } from "./session.ts";
