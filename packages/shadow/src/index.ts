export type { Lane, Leg, LegClass, Pair } from "./leg.ts";
export type { LegRecorder, LegStart } from "./leg-recorder.ts";
export {
  createRecorder,
  type Recorder,
  type RecorderOptions,
  type RecorderStats,
} from "./recorder.ts";
export {
  createReport,
  type LaneReport,
  type Metric,
  type Percentiles,
  type ReportInput,
  type ShadowReport,
} from "./report.ts";
export { renderReportTable } from "./report-table.ts";
export { createSseLines, type SseLines } from "./sse-lines.ts";
