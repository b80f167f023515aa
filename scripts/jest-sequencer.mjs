import Sequencer from "@jest/test-sequencer";

/**
 * The files that take longest on two cores, the longest first, because they wait for timers or start many processes.
 * Begun first, they wait while others compute; begun last, one of them would run alone at the end.
 */
const longest = [
  "e2e/packed-cli",
  "e2e/long-requests",
  "e2e/pick-modes",
  "e2e/up",
  "e2e/picker-faults",
  "e2e/verdict",
  "e2e/library",
  "e2e/shadow-flood",
  "e2e/sidecar-link",
  "e2e/shadow-policy",
  "e2e/hostile",
  "e2e/measures",
  "e2e/up-stdin",
  "e2e/envoy-refusals",
  "e2e/timers",
  "packages/sidecar/test/live-page",
  "e2e/demo",
  "packages/sidecar/test/endpoint-pages",
  "packages/envoy-config/test/hostile-files",
  "e2e/random-topologies",
  "e2e/container",
  "e2e/external-picker",
  "e2e/flooding-shadow",
  "e2e/sidecar-stall",
  "e2e/https",
  "e2e/gateway-api/backends",
  "packages/envoy-config/test/injection",
  "sim/test/methods",
  "sim/test/run",
  "e2e/hardening",
  "e2e/failing-endpoints",
  "sim/test/traffic",
  "e2e/mirror",
].map((name) => `/${name}.test.ts`);

/** First `longest`, then the others in Jest's own order, which in a new clone is by size. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rankOf = ({ path }) => {
      const rank = longest.findIndex((file) => path.replaceAll("\\", "/").endsWith(file));
      return rank === -1 ? longest.length : rank;
    };
    return super.sort(tests).toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
