import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { coverageRun, schedulerTests } from "./scheduler-coverage.mjs";

const folders = { unit: ["packages/", "scripts/", "sim/test/", "testing/"], e2e: ["e2e/"] };
/** These measure times while they put the machine to work, so nothing else runs beside them. */
const alone = filesOf(["hostile", "measures", "scheduling"]);
/** These hold limits of time, but mostly wait: two of them run at once, and nothing else. */
const paired = filesOf(["picker-faults", "shadow-faults", "timers", "verdict"]);

function filesOf(names) {
  return `/e2e/(${names.join("|")})\\.test\\.ts$`;
}

/** The kind of tests that the arguments name, and the arguments after it. */
function parse([first, ...rest]) {
  const isKind = first !== undefined && Object.hasOwn(folders, first);
  return isKind
    ? { kind: first, given: rest }
    : { given: first === undefined ? [] : [first, ...rest] };
}

/** The arguments of each run of Jest that the arguments of `scripts/test.mjs` ask for. */
export function runsOf(args) {
  const { kind, given } = parse(args);
  // Jest runs what any pattern matches: beside a file or folder of the kind, its own would match all.
  const isNarrowed =
    kind !== undefined &&
    given.some((each) => folders[kind].some((folder) => each.startsWith(folder.slice(0, -1))));
  const paths = kind !== undefined && !isNarrowed ? folders[kind] : [];
  const isWhole = given.every((each) => each.startsWith("-") && !each.startsWith("--testMatch"));
  if (!isWhole) return [[...paths, ...given]];
  // Of some tests alone nothing is known of what the rest covers.
  const isFull = kind !== "e2e" && given.every((each) => /^--(maxWorkers|silent)/.test(each));
  const covered = isFull ? [[...coverageRun("text-summary"), ...given]] : [];
  const ignored = ["/node_modules/", "/.cache/", ...(isFull ? [schedulerTests] : [])];
  if (kind === "unit")
    return [...covered, [...paths, ...given, "--testPathIgnorePatterns", ...ignored]];
  return [
    ...covered,
    // Workers keep the modules of the files that they ran, and collecting that garbage takes ever longer.
    [
      ...[...paths, ...given, "--workerIdleMemoryLimit=500MB"],
      ...["--testPathIgnorePatterns", ...ignored, paired, alone],
    ],
    [paired, ...given, "--maxWorkers=2"],
    [alone, ...given, "--runInBand"],
  ];
}

/** Whether end-to-end tests may be among what the arguments choose: they start built commands and Envoy. */
export function needsBuild(args, e2eFiles = listE2e()) {
  const { kind, given } = parse(args);
  if (kind === "unit") return false;
  const patterns = given.filter((each) => !each.startsWith("-"));
  if (kind === "e2e" || patterns.length === 0 || given.some((each) => /^--testMatch/.test(each)))
    return true;
  return patterns.some((each) => e2eFiles.some((file) => isMatch(each, file)));
}

function listE2e() {
  const folder = fileURLToPath(new URL("../e2e/", import.meta.url));
  return readdirSync(folder, { recursive: true }).map((file) => `e2e/${file}`);
}

/** As Jest matches paths. */
function isMatch(pattern, file) {
  try {
    return new RegExp(pattern, "i").test(`/${file}`);
  } catch {
    return true;
  }
}
