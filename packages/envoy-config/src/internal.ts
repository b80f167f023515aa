// What only this repository's tests, benches and simulations import, as `@umbra/envoy-config/internal`. No promises: it may change in
// any version, and it resolves only under the condition `@umbra/source`, which this repository sets and an application does not.

export { crashingGuard } from "./bootstrap/crashing-guard.ts";
export { patchProblems } from "./bootstrap/render.ts";
export { defaultEnvoySettings, settings as envoySettings, settingText } from "./envoy-settings.ts";
export { defaultMirrorSettings } from "./mirror-policy.ts";
export { mirrorsByName, mirrorsOf, primaryPoolsOf } from "./queries.ts";
