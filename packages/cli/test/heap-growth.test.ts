import { spawnSync } from "node:child_process";
import { afterEach, expect, test } from "@jest/globals";
import { umbra as bin } from "../../../testing/umbra-command.ts";
import { ownCommand } from "../src/process/own-command.ts";

const report =
  "process.stderr.write(JSON.stringify([process.pid, process.execArgv, process.env.MALLOC_MMAP_THRESHOLD_ ?? null]) + '\\n')";

interface Given {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The process ids and flags of Node, and malloc's limit, each time that it starts. */
function starts(args: readonly string[], { flags = [], env = {} }: Given = {}) {
  const { MALLOC_MMAP_THRESHOLD_: _, ...own } = process.env;
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, bin, ...args], {
    encoding: "utf8",
    env: { ...own, ...env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURI(report)}` },
  });
  const lines = stderr.trim().split("\n");
  const started = lines.map((line) => JSON.parse(line) as [number, string[], string | null]);
  return { stdout, started };
}

test("umbra serve starts again in the same process, with what bounds its memory", () => {
  const flags = ["--stack-trace-limit=20"];
  const { stdout, started } = starts(["serve", "--help"], { flags });
  const pid = started[0]?.[0];
  expect(started).toEqual([
    [pid, flags, null],
    [pid, ["--max-semi-space-size=8", ...flags], "1048576"],
  ]);
  expect(stdout).toContain("umbra serve");
});

test.each([
  {
    of: "a young generation",
    given: { flags: ["--max-semi-space-size=32"] },
    expected: [["--max-semi-space-size=32"], "1048576"],
  },
  {
    of: "large buffers",
    given: { env: { MALLOC_MMAP_THRESHOLD_: "65536" } },
    expected: [["--max-semi-space-size=8"], "65536"],
  },
])("umbra serve keeps a given size of $of", ({ given, expected }) => {
  const { started } = starts(["serve", "--help"], given);
  expect(started).toHaveLength(2);
  expect(started[1]?.slice(1)).toEqual(expected);
});

const ownSettings: Given = {
  flags: ["--max-semi-space-size=32"],
  env: { MALLOC_MMAP_THRESHOLD_: "65536" },
};

test.each([
  { what: "umbra serve with all settings", given: ownSettings, args: ["serve", "--help"] },
  { what: "any other command", given: {}, args: ["render", "--help"] },
])("$what starts once", ({ given, args }) => {
  const { flags = [], env = {} }: Given = given;
  const limit = env.MALLOC_MMAP_THRESHOLD_ ?? null;
  expect(starts(args, given).started).toEqual([[expect.any(Number), flags, limit]]);
});

const given = { ...process.env };
afterEach(() => {
  process.env = { ...given };
});

test.each([
  {
    what: "gives malloc a size of large buffers",
    given: {},
    command: "serve",
    expected: "1048576",
  },
  {
    what: "gives malloc no other size of large buffers",
    given: { MALLOC_MMAP_THRESHOLD_: "65536" },
    command: "serve",
    expected: undefined,
  },
  { what: "gives malloc nothing", given: {}, command: "demo", expected: undefined },
])("umbra $what to start umbra $command", ({ given: own, command, expected }) => {
  delete process.env.MALLOC_MMAP_THRESHOLD_;
  Object.assign(process.env, own);
  expect(ownCommand([command]).env.MALLOC_MMAP_THRESHOLD_).toBe(expected);
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
