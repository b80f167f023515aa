export { type EngineName, engineOf, vllmMetricNames } from "./engines.ts";
export { type MetricsPage, readMetricsPage } from "./metrics-page.ts";
export { createPageWork, type PageWork } from "./page-work.ts";
export { parsePrometheusText } from "./prometheus-text.ts";
export type { Sample } from "./sample-line.ts";
export { type WantedNames, wantedNames } from "./wanted-names.ts";
