export { type EngineName, engineOf } from "./engines.ts";
export { type MetricsPage, readMetricsPage } from "./metrics-page.ts";
