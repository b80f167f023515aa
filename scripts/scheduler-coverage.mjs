import { relative } from "node:path";

const folder = "coverage";
/** What a run with coverage writes for `uncoveredIn`. */
export const coverageReport = `${folder}/coverage-final.json`;

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
    `--coverageDirectory=${folder}`,
    `--coverageReporters=${reporter}`,
    "--coverageReporters=json",
    "--collectCoverageFrom=packages/scheduler/src/**/*.ts",
    ...typesOnly.map((file) => `--collectCoverageFrom=!packages/scheduler/src/${file}`),
    `--coverageThreshold=${JSON.stringify({ global: full })}`,
  ];
}

/** At most so many places are named: more than these are of one cause. */
const mostNamed = 5;

/**
 * The places that a coverage report says never ran, as `file:line` below `root`, the first five.
 *
 * @param report what Istanbul's reporter `json` writes
 */
export function uncoveredIn(report, root) {
  const places = Object.values(report).flatMap((file) =>
    linesOf(file).map((line) => `${relative(root, file.path)}:${line}`),
  );
  const rest = places.length - mostNamed;
  return [...places.slice(0, mostNamed), ...(rest > 0 ? [`and ${rest} more`] : [])];
}

function linesOf({ s, statementMap, f, fnMap, b, branchMap }) {
  const isUnrun = (counts) => (key) => counts[key] === 0;
  const lines = [
    ...Object.keys(statementMap)
      .filter(isUnrun(s))
      .map((key) => statementMap[key].start.line),
    ...Object.keys(fnMap)
      .filter(isUnrun(f))
      .map((key) => fnMap[key].loc.start.line),
    ...Object.keys(branchMap).flatMap((key) =>
      branchMap[key].locations.flatMap(({ start }, index) =>
        b[key][index] === 0 ? [start.line] : [],
      ),
    ),
  ];
  return [...new Set(lines)].toSorted((x, y) => x - y);
}
