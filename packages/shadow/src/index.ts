export {
  defaultEvaluation,
  type EvaluationConfig,
  type EvaluationSettings,
  evaluationConfig,
  type GateConfig,
  type GateId,
  gateDefaults,
  gateIds,
} from "./judge/config.ts";
export type {
  EvaluationFacts,
  EvaluationInput,
  FunnelCounts,
  LaneFacts,
  LaneLoad,
} from "./judge/input.ts";
export { configHash, evaluationId, judge } from "./judge/judge.ts";
export { type Plan, type PlanInput, type PlannedGate, planEvaluation } from "./judge/plan.ts";
export { isOver } from "./judge/stages.ts";
export { type Profiled, profileOf, type TrafficProfile } from "./judge/traffic-profile.ts";
export {
  isCensored,
  type Lane,
  type Leg,
  type LegClass,
  legClasses,
  type Pair,
} from "./measure/leg.ts";
export type {
  LegRecorder,
  LegStart,
  ResponseStart,
  UnmirroredFor,
} from "./measure/leg-recorder.ts";
export {
  createRecorder,
  type Pairing,
  type Recorder,
  type RecorderObserver,
  type RecorderOptions,
} from "./pairing/recorder.ts";
export { duration } from "./render/format.ts";
export { renderReportHtml } from "./render/html/page.ts";
export { renderReportJunit } from "./render/junit.ts";
export { renderReportMarkdown } from "./render/markdown.ts";
export { renderReportText, type TextOptions } from "./render/terminal.ts";
export type * from "./report/report-cost.ts";
export type * from "./report/shadow-report.ts";
export {
  lostSample,
  pairSample,
  type SampleFrame,
  unmirroredSample,
} from "./samples/pair-sample.ts";
export { parseSample, type SampleLine } from "./samples/read-samples.ts";
export { type DropReason, dropReasons, type Sample, type SampleLeg } from "./samples/sample.ts";
export { createSampleStore, type SampleStore } from "./samples/sample-store.ts";
