import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "@jest/globals";
import { ownCommand } from "../src/process/own-command.ts";

const bin = fileURLToPath(new URL("../bin/umbra.js", import.meta.url));
const report = "process.stderr.write(JSON.stringify([process.pid, process.execArgv]) + '\\n')";

/** The process ids and flags of Node, each time that it starts. */
function starts(args: readonly string[], flags: readonly string[] = []) {
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, bin, ...args], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURI(report)}` },
  });
  const lines = stderr.trim().split("\n");
  return { stdout, started: lines.map((line) => JSON.parse(line) as [number, string[]]) };
}

test("umbra serve starts again in the same process, with a young generation that stays small", () => {
  const { stdout, started } = starts(["serve", "--help"], ["--stack-trace-limit=20"]);
  const [first, second] = started;
  expect(started).toHaveLength(2);
  expect(second).toEqual([first?.[0], ["--max-semi-space-size=8", "--stack-trace-limit=20"]]);
  expect(stdout).toContain("umbra serve");
});

test.each([
  {
    what: "umbra serve with a flag of its own",
    flags: ["--max-semi-space-size=32"],
    args: ["serve", "--help"],
  },
  { what: "any other command", flags: [], args: ["render", "--help"] },
])("$what starts once", ({ flags, args }) => {
  expect(starts(args, flags).started).toEqual([[expect.any(Number), flags]]);
});

const { NODE_OPTIONS: nodeOptions } = process.env;
afterEach(() => {
  delete process.env.NODE_OPTIONS;
  if (nodeOptions !== undefined) process.env.NODE_OPTIONS = nodeOptions;
});

test.each([
  { what: "umbra serve", options: "--no-warnings", command: "serve", flags: 1 },
  {
    what: "umbra serve, if NODE_OPTIONS has a size",
    options: "--no-warnings --max_semi_space_size=64",
    command: "serve",
    flags: 0,
  },
  { what: "any other command", options: "", command: "demo", flags: 0 },
])(
  "umbra gives Node $flags flags for a young generation to start $what",
  ({ options, command, flags }) => {
    process.env.NODE_OPTIONS = options;
    const { args } = ownCommand([command]);
    expect(args.slice(0, -2)).toEqual(["--max-semi-space-size=8"].slice(0, flags));
  },
);
