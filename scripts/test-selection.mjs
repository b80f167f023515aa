import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { coverageRun, schedulerTests } from "./scheduler-coverage.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folders = { unit: ["packages/", "scripts/", "sim/test/", "testing/"], e2e: ["e2e/"] };
/** These hold limits of time, but mostly wait: four of them run at once, and nothing else. */
const timed =
  "/e2e/(hostile|live-mirror|measures|picker-faults|scheduling|shadow-faults|timers|verdict)\\.test\\.ts$";

const neverRun = ["/node_modules/", "/.cache/"];

/** The kind of tests that the arguments name, and the arguments after it. */
function parse([first, ...rest]) {
  const isKind = first !== undefined && Object.hasOwn(folders, first);
  return isKind
    ? { kind: first, given: rest }
    : { given: first === undefined ? [] : [first, ...rest] };
}

/** Options of Jest whose value may be the next argument. */
const valued =
  /^(?:-[ctw]|--(?:config|maxWorkers|outputFile|reporters|seed|shard|testMatch|testNamePattern|testTimeout|workerIdleMemoryLimit))$/;

/** Whether the argument after this one is its value. */
function takes(option, next) {
  return option !== undefined && (valued.test(option) || (isOption(option) && isBoolean(next)));
}

function isOption(argument) {
  return argument.startsWith("-");
}

function isBoolean(argument) {
  return argument === "true" || argument === "false";
}

/** The arguments without values that are arguments of their own. */
function withoutValues(given) {
  return given.filter((each, index) => isOption(each) || !takes(given[index - 1], each));
}

/** Each run of Jest that the arguments of `scripts/test.mjs` ask for: its title and its arguments. */
export function runsOf(args) {
  const { kind, given } = parse(args);
  const named = withoutValues(given);
  if (named.some((each) => !isOption(each) || /^--(?:testMatch|testPathPatterns?)\b/.test(each)))
    return [{ title: "the named tests", args: [...given, ...otherKindIgnored(kind)] }];
  const paths = kind === undefined ? [] : folders[kind];
  // Of some tests alone nothing is known of what the rest covers.
  const isFull = kind !== "e2e" && named.every((each) => /^--(maxWorkers|silent)/.test(each));
  const coverage = { title: "the scheduler", args: [...coverageRun("text-summary"), ...given] };
  const covered = isFull ? [coverage] : [];
  const ignored = [...neverRun, ...(isFull ? [schedulerTests] : [])];
  const most = { title: "the main run", args: [...paths, ...given] };
  if (kind === "unit")
    return [...covered, { ...most, args: [...most.args, "--testPathIgnorePatterns", ...ignored] }];
  // Workers keep the modules of the files that they ran, and collecting that garbage takes ever longer.
  most.args.push("--workerIdleMemoryLimit=500MB", "--testPathIgnorePatterns", ...ignored, timed);
  return [
    ...covered,
    most,
    { title: "the timed group", args: [timed, ...given, "--maxWorkers=4"] },
  ];
}

/** Jest runs what any pattern matches: the folders of the kind, added to the given patterns, would match all that is in them. */
function otherKindIgnored(kind) {
  if (kind === undefined) return [];
  const others = Object.entries(folders).flatMap(([each, paths]) => (each === kind ? [] : paths));
  return ["--testPathIgnorePatterns", ...neverRun, ...others.map((path) => `<rootDir>/${path}`)];
}

/** Whether end-to-end tests may be among what the arguments choose: they start built commands and Envoy. */
export function needsBuild(args) {
  const { kind, given } = parse(args);
  if (kind === "unit") return false;
  const words = given.filter((each) => !isOption(each));
  // What follows an option may be its value.
  const isNamed = words.some((each) => !isOption(given[given.indexOf(each) - 1] ?? ""));
  return !isNamed || !words.every(isUnitPath);
}

function isUnitPath(path) {
  return folders.unit.some((folder) => path.startsWith(folder)) && existsSync(`${root}/${path}`);
}
