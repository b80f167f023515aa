// Runs the scheduler's tests, lists what of it they cover, and fails unless that is all. `npm run test:coverage`
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { coverageRun } from "./scheduler-coverage.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const flags = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
const { status } = spawnSync(
  process.execPath,
  [...flags, "node_modules/jest/bin/jest.js", ...coverageRun("text"), ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = status ?? 1;
