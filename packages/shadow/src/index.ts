export {
  type EvaluationConfig,
  type EvaluationSettings,
  evaluationConfig,
  type GateConfig,
  type GateId,
  type OutputSettings,
} from "./judge/config.ts";
export type {
  EvaluationFacts,
  EvaluationInput,
  FunnelCounts,
  LaneFacts,
  LaneLoad,
} from "./judge/input.ts";
export { configHash, judge } from "./judge/judge.ts";
export type { JudgeTerms } from "./judge/judged-pairs.ts";
export {
  type OutputGateId,
  type OutputGateSettings,
  outputGateIds,
} from "./judge/output-config.ts";
export { type Plan, type PlanInput, type PlannedGate, planEvaluation } from "./judge/plan.ts";
export { type SegmentKind, type SegmentSettings, segmentKinds } from "./judge/segment-settings.ts";
export { isOver, longestWaitMs, stageAfter } from "./judge/stages.ts";
export { type Profiled, profileOf, type TrafficProfile } from "./judge/traffic-profile.ts";
export type { AnswerReading, ReadAnswer } from "./measure/answer-reading.ts";
export { isCensored, type Lane, type Leg, type LegClass, type Pair } from "./measure/leg.ts";
export type {
  LegRecorder,
  LegStart,
  ResponseStart,
  UnmirroredFor,
} from "./measure/leg-recorder.ts";
export type { RequestKind } from "./measure/request-kind.ts";
export {
  createRecorder,
  type LostTwin,
  type Pairing,
  type Recorder,
  type RecorderObserver,
  type RecorderOptions,
} from "./pairing/recorder.ts";
export { type ComparedGate, type Comparison, compareReports } from "./render/comparison.ts";
export { duration } from "./render/format.ts";
export { type HtmlOptions, renderReportHtml } from "./render/html/page.ts";
export { renderReportJunit } from "./render/junit.ts";
export { type MarkdownOptions, renderReportMarkdown } from "./render/markdown.ts";
export { renderReportText, type TextOptions } from "./render/terminal.ts";
export type * from "./report/behaviour.ts";
export { isReport } from "./report/is-report.ts";
export { type LabelsRead, type ReportLabels, readLabels } from "./report/labels.ts";
export type * from "./report/over-time.ts";
export type * from "./report/report-cost.ts";
export type * from "./report/report-judge.ts";
export type * from "./report/report-outputs.ts";
export type * from "./report/segment.ts";
export type * from "./report/shadow-report.ts";
export {
  type EvaluationLine,
  evaluationLine,
  parseEvaluationLine,
} from "./samples/evaluation-line.ts";
export type { JudgeFailure, SampleJudged } from "./samples/judged-fields.ts";
export {
  agreementFields,
  outputFields,
  type SampleAgreement,
  type SampleComparison,
  type SampleOutput,
  type SampleRequest,
  type SkipReason,
  skippedAgreement,
} from "./samples/output-fields.ts";
export {
  lostSample,
  pairSample,
  type SampleFrame,
  unmirroredSample,
} from "./samples/pair-sample.ts";
export { parseSample, type SampleLine } from "./samples/read-samples.ts";
export type { DropReason, Sample, SampleLeg } from "./samples/sample.ts";
export {
  createSampleStore,
  type LeftOut,
  type SampleStore,
  type StoredSample,
  twinOf,
} from "./samples/sample-store.ts";
export { isKept, type KeptShares, parseKeptShares } from "./samples/thinning.ts";
