export { parsePrometheusText, type Sample } from "./prometheus-text.ts";
export { type VllmMetrics, vllmMetricNames, vllmMetrics } from "./vllm.ts";
