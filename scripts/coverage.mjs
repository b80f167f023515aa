// Runs the scheduler's tests and fails unless every line and branch of it is covered. `npm run test:coverage`
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
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
const { status } = spawnSync(
  process.execPath,
  [
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
    "node_modules/jest/bin/jest.js",
    "packages/scheduler/test",
    "--coverage",
    "--coverageProvider=v8",
    "--coverageDirectory=coverage",
    "--coverageReporters=text",
    "--collectCoverageFrom=packages/scheduler/src/**/*.ts",
    ...typesOnly.map((file) => `--collectCoverageFrom=!packages/scheduler/src/${file}`),
    `--coverageThreshold=${JSON.stringify({ global: full })}`,
  ],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = status ?? 1;
