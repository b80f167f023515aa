export { defaultProfile } from "./default-profile.ts";
export { freshMetricsFilter } from "./filters/fresh-metrics.ts";
export { leastKvCacheFilter } from "./filters/least-kv-cache.ts";
export { leastQueueFilter } from "./filters/least-queue.ts";
export { type LoraAffinityOptions, loraAffinityFilter } from "./filters/lora-affinity.ts";
export { parsePrometheusText, type Sample } from "./metrics/prometheus-text.ts";
export { type VllmMetrics, vllmMetricNames, vllmMetrics } from "./metrics/vllm.ts";
export {
  type Endpoint,
  hasAdapterRoom,
  holdsAdapter,
  knownMetrics,
  type MetricsState,
  type ModelServerMetrics,
  queueLength,
} from "./model/endpoint.ts";
export type { InferenceRequest } from "./model/request.ts";
export { maxScorePicker } from "./pickers/max-score.ts";
export { randomPicker } from "./pickers/random.ts";
export { weightedRandomPicker } from "./pickers/weighted-random.ts";
export type { Candidate, Filter, Picker, Scorer, WeightedScorer } from "./plugin.ts";
export {
  createPool,
  type EndpointSnapshot,
  type Lease,
  type PickResult,
  type PoolOptions,
  type PoolSnapshot,
  type PoolState,
  type SchedulingErrorCode,
} from "./pool.ts";
export { createProfile, type Profile, type ProfileOptions } from "./profile.ts";
export { kvCacheScorer } from "./scorers/kv-cache.ts";
export { loraAffinityScorer } from "./scorers/lora-affinity.ts";
export { queueScorer } from "./scorers/queue.ts";
export { runningRequestsScorer } from "./scorers/running-requests.ts";
