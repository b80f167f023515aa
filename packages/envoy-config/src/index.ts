export { type AdsProtocol, adsClusterName } from "./bootstrap/ads.ts";
export {
  crashingGuardEffect,
  hasCrashingGuardOn,
  turnsOnCrashingGuard,
} from "./bootstrap/crashing-guard.ts";
export {
  type AdsOptions,
  renderAdsBootstrap,
  renderResources,
} from "./bootstrap/dynamic/render-dynamic.ts";
export { trialListener, withRouteTrial } from "./bootstrap/dynamic/route-trial.ts";
export type { DynamicKind, DynamicResources } from "./bootstrap/dynamic/split.ts";
export {
  answerDelayTrailer,
  controlHeaders,
  decodeMirrors,
  destinationHeader,
  laneClusterName,
  mirrorHeader,
  mirrorToHeader,
  noJudgeHeaders,
  primaryClusterName,
  shadowClusterName,
  streamMetadata,
} from "./bootstrap/names.ts";
export {
  type BootstrapOptions,
  defaultBootstrapOptions,
  type SidecarTls,
} from "./bootstrap/options.ts";
export { type PartName, partNames, renderPart } from "./bootstrap/parts.ts";
export { type RenderFormat, renderBootstrap } from "./bootstrap/render.ts";
export type { Certificate } from "./certificate.ts";
export {
  type CodeMeaning,
  type DiagnosticCode,
  diagnosticCodes,
  isAtLeast,
  referenceOf,
} from "./codes.ts";
export { conditionText } from "./conditions.ts";
export type {
  ConditionReason,
  ConditionType,
  Diagnostic,
  ResourceName,
  RuleRef,
  Severity,
  StatusCondition,
} from "./diagnostic.ts";
export { type DiagnosticTextOptions, formatDiagnostic } from "./diagnostic-text.ts";
export { type DirectTopologyOptions, directTopology } from "./direct-topology.ts";
export {
  isLoopback,
  judgeSocket,
  ownInterface,
  unusableAddress,
} from "./endpoint-address.ts";
export { type EndpointList, parseEndpointList } from "./endpoint-list.ts";
export { type EnvoySettings, type ParsedSetting, parseSetting } from "./envoy-settings.ts";
export { evaluationSettings } from "./evaluation-settings.ts";
export type { JsonMap as JsonObject } from "./json-map.ts";
export {
  heldRequestBytes,
  leastHeldBytes,
  type MemoryLimit,
  memoryLimits,
  type SidecarBounds,
  sidecarBounds,
} from "./memory.ts";
export {
  type ComparisonPolicy,
  defaultBudget,
  defaultComparison,
  defaultEvaluation,
  type Eligibility,
  type EvaluationPolicy,
  type JsonValue,
  type JudgePolicy,
  type LanePrice,
  type MirrorBudget,
  type MirrorHeaders,
  type MirrorPolicy,
  type MirrorRewrite,
  type MirrorSampling,
  type MirrorSettings,
  type SegmentKind,
  type SegmentPolicy,
  type SessionKey,
} from "./mirror-policy.ts";
export { isPoolCalled, socketName } from "./names.ts";
export { bytesText } from "./quantity.ts";
export {
  allPrimaryPools,
  baselinePoolsOf,
  endpointsAtOwnInterfaces,
  routesOf,
  sharesGate,
} from "./queries.ts";
export { readTopology, type TopologyRead } from "./read-topology.ts";
export { type AddressRange, parseAddressRange } from "./resolve/gateway-addresses.ts";
export { isListenerCalled, servedNames } from "./resolve/listener-names.ts";
export { parseMetricsPlace } from "./resolve/metrics-place.ts";
export { isPickMode, pickModes } from "./resolve/pick-mode.ts";
export type { CheckPickerConfig } from "./resolve/picking.ts";
export type { PickerService } from "./resolve/pool-picker.ts";
export { byMatch } from "./resolve/precedence.ts";
export { isCalled, type ResourceRef, resourceName } from "./resource-ref.ts";
export { costLabel, gpusLabel } from "./resources/annotations.ts";
export { keptPart } from "./resources/kept-part.ts";
export { type ObjectId, objectTitle } from "./resources/object-id.ts";
export { controllerName, type GatewayChoice } from "./resources/own-gateways.ts";
export type { SourceFile } from "./resources/read-file.ts";
export { type PathRewriter, pathRewriterOf } from "./rewritten-path.ts";
export type { RouteAttachment } from "./route-attachment.ts";
export { type KeptSettings, keepStartSettings } from "./start-settings.ts";
export { type MergedStatus, mergeStatus } from "./status/merge-status.ts";
export type {
  ListenerState,
  LiveFacts,
  ObjectStatus,
  PolicyVerdict,
  SharedList,
  StatusFacts,
  StatusOwner,
  StatusSources,
} from "./status/status-facts.ts";
export { statusesOf } from "./status/statuses.ts";
export { supportedFeatures } from "./status/supported-features.ts";
export type { SoughtObject } from "./store/held-objects.ts";
export {
  createResourceStore,
  type Resolution,
  type ResourceStore,
  type ResourceStoreOptions,
  type StaleFile,
} from "./store/resource-store.ts";
export type {
  Backend,
  BackendFilters,
  BootstrapChange,
  CorsPolicy,
  EndpointTls,
  EnvoyConfiguration,
  ExternalPicker,
  HeaderEntry,
  HeaderModifier,
  JsonMap,
  Listener,
  ListenerTls,
  MetricsPlaceSettings,
  Mirror,
  MirrorOrigin,
  Model,
  ModelRewrite,
  ModelServer,
  Objective,
  PatchOperation,
  PickMode,
  Pool,
  Retry,
  Route,
  RouteAction,
  RouteMatch,
  RouteOrigin,
  RouteShare,
  Session,
  Topology,
  UrlRewrite,
  ValueMatch,
  VirtualHost,
} from "./topology.ts";
export type { TopologyOptions } from "./topology-options.ts";
