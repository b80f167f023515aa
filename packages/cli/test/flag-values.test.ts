import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import type { Io } from "@umbra/cli";
import { program } from "@umbra/cli/internal";
import type { Command, Option } from "commander";
import { runCommand } from "./run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-flags-"));
const aFolder = join(folder, "a-folder");
mkdirSync(aFolder);
const missing = join(folder, "nowhere", "missing");
const samples = join(folder, "run.ndjson");
writeFileSync(samples, "");

/** A valid command line of each command. Nothing answers at its addresses. */
const lines: Readonly<Record<string, readonly string[]>> = {
  serve: ["--primary", "127.0.0.1:9", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
  up: ["--primary", "127.0.0.1:9"],
  load: ["--model", "m", "--duration", "0.1", "--url", "http://127.0.0.1:1"],
  verify: ["--model", "m", "--timeout", "1", "--requests", "1", "--admin", "127.0.0.1:1"],
  report: ["--samples", samples],
  plan: ["--rate", "1"],
  pause: ["--admin", "127.0.0.1:1"],
  resume: ["--admin", "127.0.0.1:1"],
  stop: ["--admin", "127.0.0.1:1"],
  percent: ["10", "--admin", "127.0.0.1:1"],
  simulate: ["--port", "0"],
  demo: [],
  doctor: ["--admin", "127.0.0.1:1", "--envoy-admin", "127.0.0.1:1"],
  init: ["--yes", "--primary", "127.0.0.1:9", "--dir", "-"],
};

const numbers = ["", " ", "abc", "NaN", "-1", "Infinity", "1e400", "1e12"];
const whole = [...numbers, "1.5"];
const hostPorts = ["", "nohost", ":80", "127.0.0.1:99999", "127.0.0.1:x", "127.0.0.1:-1", "a:1:2"];
const names = ["", "a\nb", "x".repeat(5_000)];
const lists = ["", ",", "nonsense", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x"];

/** Bad values by the placeholder in the help. */
const badValues: Readonly<Record<string, readonly string[]>> = {
  count: whole,
  threads: whole,
  requests: whole,
  tokens: whole,
  port: whole,
  seconds: numbers,
  ms: numbers,
  days: numbers,
  number: numbers,
  factor: numbers,
  share: numbers,
  sd: numbers,
  "0..1": [...numbers, "1.1"],
  "requests/s": numbers,
  "seconds,…": [...numbers, "1,,2", "1,x"],
  "host:port": hostPorts,
  address: hostPorts,
  url: ["", "nonsense", "http://", "ftp://127.0.0.1", "file:///etc/hostname"],
  ip: ["", "nonsense", "1.2.3", "999.1.1.1", "127.0.0.1:80"],
  "ip:port,…": lists,
  "samples=count": ["", "5", "samples=", "samples=0", "samples=-1", "samples=1.5", "samples=1e9"],
  "key=value": ["", "nonsense", "=value"],
  "namespace/name": ["", "a", "a/", "/b", "a/b/c", "A/b"],
  name: names,
  pool: names,
  // Reading and writing these files is tested below.
  file: [""],
  folder: [""],
};

/** Flags with their own tests: flags for resources, for the connection to the sidecar, and for third-party gateways. */
const elsewhere =
  /^--(?:file|endpoints|pick-mode|picker|picker-ca|picker-service|metrics-.*|listener|bind|gateway-.*|set|pool|fallbacks|destination-.*|subset-.*|body-mode|sidecar-.*)$/;

const silent = {
  ...{ env: {}, isTerminal: false, hasColour: false, signal: AbortSignal.abort() },
  stdout() {},
  stderr() {},
  readStdin: () => "",
  streamStdin: () => Readable.from([]),
} satisfies Io;

interface Case {
  readonly words: readonly string[];
  readonly flag: string;
  readonly option: Option;
}

function wordsOf(command: Command): readonly string[] {
  const { parent } = command;
  return parent === null ? [] : [...wordsOf(parent), command.name()];
}

const options: readonly Case[] = program(silent)
  .commands.flatMap((each): readonly Command[] =>
    each.commands.length > 0 ? each.commands : [each],
  )
  .filter((command) => lines[command.name()] !== undefined)
  .flatMap((command) =>
    command.options
      .filter(({ required }) => required)
      .map((option): Case => ({ words: wordsOf(command), flag: option.long ?? "", option })),
  )
  .filter(
    ({ words, flag }) => !elsewhere.test(flag) || (words[0] === "simulate" && flag === "--bind"),
  );

function shapeOf({ flags }: Option): string {
  return /<([^>]+)>/.exec(flags)?.[1] ?? "";
}

const run = (words: readonly string[], flag: string, value: string) =>
  runCommand([...words, ...(lines[words.at(-1) ?? ""] ?? []), `${flag}=${value}`], {
    signal: silent.signal,
  });

describe("a flag with a bad value", () => {
  test("every placeholder in the help has bad values in this table", () => {
    const shapes = options.map(({ option }) => (option.argChoices ? "name" : shapeOf(option)));
    expect([...new Set(shapes)].filter((shape) => badValues[shape] === undefined)).toEqual([]);
    expect(options.length).toBeGreaterThan(90);
  });

  test.each(options.map((each) => ({ ...each, name: `${each.words.join(" ")} ${each.flag}` })))(
    "umbra $name is rejected with exit status 2",
    async ({ words, flag, option }) => {
      const values = option.argChoices ? ["", "nonsense"] : (badValues[shapeOf(option)] ?? []);
      const wrong: unknown[] = [];
      for (const value of values) {
        const { status, stdout, stderr } = await run(words, flag, value);
        const isRefused = status === 2 && stdout === "" && stderr.includes(flag);
        if (!isRefused)
          wrong.push({ value: value.slice(0, 20), status, stderr: stderr.slice(0, 200) });
      }
      expect(wrong).toEqual([]);
    },
    30_000,
  );
});

const files = [
  { words: ["report"], flag: "--samples", bad: [missing, aFolder] },
  { words: ["report"], flag: "--from", bad: [missing, aFolder] },
  { words: ["report"], flag: "--file", bad: [missing] },
  { words: ["plan"], flag: "--file", bad: [missing] },
  { words: ["simulate"], flag: "--file", bad: [missing] },
  { words: ["serve"], flag: "--samples", bad: [missing, aFolder] },
  { words: ["up"], flag: "--samples", bad: [missing, aFolder] },
  { words: ["serve"], flag: "--admin-token-file", bad: [missing, aFolder] },
  { words: ["up"], flag: "--admin-token-file", bad: [missing, aFolder] },
  { words: ["shadow", "pause"], flag: "--admin-token-file", bad: [missing, aFolder] },
  {
    words: ["serve"],
    flag: "--grpc-tls-cert",
    more: ["--grpc-tls-key", samples],
    bad: [missing, aFolder],
  },
  {
    words: ["serve"],
    flag: "--grpc-tls-key",
    more: ["--grpc-tls-cert", samples],
    bad: [missing, aFolder],
  },
  {
    words: ["up"],
    flag: "--grpc-tls-cert",
    more: ["--grpc-tls-key", samples],
    bad: [missing, aFolder],
  },
  {
    words: ["up"],
    flag: "--grpc-tls-key",
    more: ["--grpc-tls-cert", samples],
    bad: [missing, aFolder],
  },
  { words: ["demo"], flag: "--html", bad: [missing, aFolder] },
];

describe("a flag with a file that can't be used", () => {
  test.each(files.flatMap(({ bad, ...each }) => bad.map((path) => ({ ...each, path }))))(
    "umbra $words $flag=$path",
    async ({ words, flag, path, more = [] }) => {
      const line = lines[words.at(-1) ?? ""] ?? [];
      const own = words[0] === "report" && flag === "--from" ? [] : line;
      const args = [...words, ...(flag === "--samples" && words[0] === "report" ? [] : own)];
      const { status, stdout, stderr } = await runCommand([...args, ...more, flag, path], {
        signal: silent.signal,
      });
      expect({ stdout, isRefused: status === 1 || status === 2 }).toEqual({
        ...{ stdout: "", isRefused: true },
      });
      expect(stderr).toContain(path);
      // One error message, not a stack trace.
      expect(stderr).not.toMatch(/\n {4}at /);
    },
    30_000,
  );
});

describe("a flag with a right value", () => {
  /** Valid values by the placeholder in the help. The range of a number is taken from the option's error message. */
  const rightOf = async ({ words, flag, option }: Case): Promise<string | undefined> => {
    const { argChoices } = option;
    if (argChoices !== undefined) return argChoices[0];
    const shape = shapeOf(option);
    const fixed: Readonly<Record<string, string>> = {
      ...{
        "host:port": "127.0.0.1:1",
        address: "127.0.0.1:1",
        ip: "127.0.0.1",
        "namespace/name": "a/b",
        name: "a",
        pool: "a",
      },
      ...{ url: "http://127.0.0.1:1", "ip:port,…": "127.0.0.1:7", "samples=count": "samples=3" },
      ...{ "seconds,…": "10,20", "key=value": "commit=3f9c2d1" },
    };
    if (fixed[shape] !== undefined) return fixed[shape];
    const { stderr } = await run(words, flag, "x");
    return /from (\d[\d.]*) to/.exec(stderr)?.[1];
  };
  const numeric = options.filter(({ option }) => !["file", "folder"].includes(shapeOf(option)));

  test.each(numeric.map((each) => ({ ...each, name: `${each.words.join(" ")} ${each.flag}` })))(
    "umbra $name is accepted",
    async (each) => {
      const value = (await rightOf(each)) ?? "50";
      const root = program(silent);
      const command = each.words.reduce<Command | undefined>(
        (at, word) => at?.commands.find((found) => found.name() === word),
        root,
      );
      // Only parsed: nothing is started.
      command?.action(() => {});
      const line = lines[each.words.at(-1) ?? ""] ?? [];
      await root.parseAsync(["node", "umbra", ...each.words, ...line, `${each.flag}=${value}`]);
      const read: unknown = command?.opts()[each.option.attributeName()];
      const last: unknown =
        Array.isArray(read) && ["name", "host:port", "key=value"].includes(shapeOf(each.option))
          ? read.at(-1)
          : read;
      const want: Readonly<Record<string, unknown>> = { "samples=count": 3, "seconds,…": [10, 20] };
      const shown = want[shapeOf(each.option)] ?? value;
      expect(typeof last === "number" ? last : JSON.stringify(last)).toEqual(
        typeof last === "number" ? Number(shown) : JSON.stringify(shown),
      );
    },
  );
});
