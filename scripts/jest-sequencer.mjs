import Sequencer from "@jest/test-sequencer";

/**
 * The files that take longest on two cores, the longest first, because they wait for timers or start many processes.
 * Begun first, they wait while others compute; begun last, one of them would run alone at the end.
 */
const longest = [
  "long-requests",
  "packed-cli",
  "up",
  "sidecar-link",
  "up-stdin",
  "pick-modes",
  "own-bootstrap",
  "demo",
].map((name) => `/e2e/${name}.test.ts`);

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
