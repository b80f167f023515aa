import Sequencer from "@jest/test-sequencer";

/**
 * Files that take long however fast the machine is, because they wait for timers, the longest first. Begun first, they
 * wait while other files compute; begun last, everything would wait for them.
 */
const longest = ["e2e/long-requests.test.ts"];

/** Jest's own order, which needs a run before this one to know what is long, after `longest`. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rankOf = ({ path }) => {
      const rank = longest.findIndex((file) => path.replaceAll("\\", "/").endsWith(`/${file}`));
      return rank === -1 ? longest.length : rank;
    };
    return super.sort(tests).toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
