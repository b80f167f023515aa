import { writeFileSync } from "node:fs";

/** Counts a run, for who started Jest to add up and to print last. */
export default class TallyReporter {
  onRunComplete(_contexts, results) {
    const counts = {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    const file = process.env.TALLY_FILE;
    if (file === undefined) process.stdout.write(`${JSON.stringify(counts)}\n`);
    else writeFileSync(file, JSON.stringify(counts));
  }
}
