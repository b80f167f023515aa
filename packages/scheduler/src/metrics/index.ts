export { type EngineName, engineOf, vllmMetricNames } from "./engines.ts";
export { type MetricsPage, readMetricsPage } from "./metrics-page.ts";
export {
  parsePrometheusText,
  type Sample,
  type WantedNames,
  wantedNames,
} from "./prometheus-text.ts";
