import type { Config } from "jest";

const config: Config = {
  reporters: ["default", "<rootDir>/scripts/jest-tally-reporter.mjs"],
  testMatch: ["<rootDir>/packages/*/test/**/*.test.ts", "<rootDir>/e2e/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  testEnvironmentOptions: { customExportConditions: ["@umbra/source", "node", "node-addons"] },
  transform: {},
  // Tools and their copies of the repository.
  modulePathIgnorePatterns: ["<rootDir>/.cache"],
  testPathIgnorePatterns: ["/node_modules/", "<rootDir>/.cache"],
};

export default config;
