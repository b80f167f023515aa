import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { slowest } from "./slowest.mjs";

/** Counts a run, for who started Jest to add up and to print last. */
export default class TallyReporter {
  #root;

  constructor({ rootDir }) {
    this.#root = rootDir;
  }

  onRunComplete(_contexts, results) {
    const counts = {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    const files = results.testResults.map(({ testFilePath, perfStats }) => ({
      file: relative(this.#root, testFilePath),
      ms: perfStats.runtime,
    }));
    const path = process.env.TALLY_FILE;
    if (path !== undefined) writeFileSync(path, JSON.stringify({ counts, files }));
    else process.stdout.write(`${slowest(files)}${JSON.stringify(counts)}\n`);
  }
}
