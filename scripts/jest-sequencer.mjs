import Sequencer from "@jest/test-sequencer";

/**
 * The files that take longest on two cores, the longest first, because they wait for timers or start many processes.
 * Begun first, they wait while others compute; begun last, one of them would run alone at the end.
 */
const longest = [
  "e2e/long-requests",
  "e2e/packed-cli",
  "e2e/up",
  "e2e/pick-modes",
  "sim/test/run",
  "e2e/shadow-flood",
  "e2e/endurance",
  "e2e/sidecar-link",
  "e2e/library",
  "e2e/shadow-policy",
  "e2e/container",
  "e2e/up-stdin",
  "packages/sidecar/test/live-page",
  "packages/envoy-config/test/hostile-files",
  "e2e/sidecar-stall",
  "e2e/random-topologies",
  "packages/envoy-config/test/injection",
  "e2e/https",
  "e2e/external-picker",
  "packages/sidecar/test/mirrored-requests",
  "e2e/envoy-refusals",
  "e2e/demo",
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
