import { availableParallelism } from "node:os";
import type { Config } from "jest";
import { isLong } from "./testing/test-size.ts";

const config: Config = {
  // Its default place is the folder of temporary files, which is new in each run.
  cacheDirectory: "<rootDir>/.cache/jest",
  reporters: ["default", "<rootDir>/scripts/jest-tally-reporter.mjs"],
  testMatch: [
    "<rootDir>/packages/*/test/**/*.test.ts",
    "<rootDir>/scripts/test/*.test.mjs",
    "<rootDir>/e2e/**/*.test.ts",
    "<rootDir>/sim/test/*.test.ts",
    "<rootDir>/testing/*.test.ts",
    // What these show is shown more cheaply, or in part, by another test.
    ...(isLong ? [] : ["!**/*.night.test.ts"]),
  ],
  // Half of the end-to-end tests wait most of their time, so that three more than there are cores keep them all busy.
  maxWorkers: availableParallelism() + 3,
  testEnvironment: "<rootDir>/scripts/jest-environment.mjs",
  testSequencer: "<rootDir>/scripts/jest-sequencer.mjs",
  /** For tests that say none: a command takes a second to start, and two files run at once. */
  testTimeout: 30_000,
  extensionsToTreatAsEsm: [".ts"],
  testEnvironmentOptions: { customExportConditions: ["@umbra/source", "node", "node-addons"] },
  transform: {},
  // Tools and their copies of the repository.
  modulePathIgnorePatterns: ["<rootDir>/.cache"],
  testPathIgnorePatterns: ["/node_modules/", "<rootDir>/.cache"],
};

export default config;
