// What only this repository's tests, benches and simulations import, as `@umbra/scheduler/internal`. No promises: it may change in
// any version, and it resolves only under the condition `@umbra/source`, which this repository sets and an application does not.

export { parsePrometheusText } from "./metrics/prometheus-text.ts";
export { wantedNames } from "./metrics/wanted-names.ts";
export { createServerPace } from "./scrape/server-pace.ts";
