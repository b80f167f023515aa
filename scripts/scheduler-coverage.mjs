/** Where the tests are whose run holds the scheduler to full coverage. */
export const schedulerTests = "/packages/scheduler/test/";

const full = { branches: 100, functions: 100, lines: 100, statements: 100 };
/** They hold types alone, of which nothing is left to run. */
const typesOnly = [
  "explanation.ts",
  "result.ts",
  "scheduling-error-code.ts",
  "flow/types.ts",
  "pool/events.ts",
  "pool/types.ts",
];

/**
 * Jest's arguments for a run of the scheduler's tests that fails unless every line and branch of it is covered.
 *
 * @param reporter `text` lists the files, `text-summary` only the sums
 */
export function coverageRun(reporter) {
  return [
    schedulerTests,
    "--coverage",
    "--coverageProvider=v8",
    "--coverageDirectory=coverage",
    `--coverageReporters=${reporter}`,
    "--collectCoverageFrom=packages/scheduler/src/**/*.ts",
    ...typesOnly.map((file) => `--collectCoverageFrom=!packages/scheduler/src/${file}`),
    `--coverageThreshold=${JSON.stringify({ global: full })}`,
  ];
}
