import Sequencer from "@jest/test-sequencer";
import { longestTests } from "./longest-tests.mjs";

/** First `longestTests`, then the others in Jest's own order, which in a new clone is by size. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rankOf = ({ path }) => {
      const rank = longestTests.findIndex((file) =>
        path.replaceAll("\\", "/").endsWith(`/${file}`),
      );
      return rank === -1 ? longestTests.length : rank;
    };
    return super.sort(tests).toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
