import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { runCommand } from "./run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-compare-"));

function fileOf(name: string, lines: readonly (object | string)[]): string {
  const path = join(folder, name);
  const text = (line: object | string) => (typeof line === "string" ? line : JSON.stringify(line));
  writeFileSync(path, lines.map((line) => `${text(line)}\n`).join(""));
  return path;
}

const primary = fileOf("primary.jsonl", [
  { id: "1", text: "The capital of France is Paris." },
  { id: "2", text: "I'm sorry, but I can't help with that." },
  { id: "3", text: "No one else answers this." },
  "a line that is not JSON",
]);
const shadow = fileOf("shadow.jsonl", [
  { id: "2", text: "Sure, here it is: take two eggs." },
  { id: "1", text: "The capital of France is Paris." },
]);

describe("umbra compare", () => {
  test("prints numbers and what could not be paired", async () => {
    const { status, stdout, stderr } = await runCommand(["compare", primary, shadow]);
    expect(status).toBe(0);
    expect(stderr).toBe(
      `${primary}:4 not JSON\n${primary}: not paired: 1 line without a partner (line 3)\n`,
    );
    expect(stdout).toContain("2 pairs by id");
    expect(stdout).toMatch(/all +│ 2 +│ 50\.0 %/);
    expect(stdout).toMatch(
      /refusal \(API flag, or English phrase list en-1\) +│ 2 +│ 50\.0 % +│ 0\.0 %/,
    );
    expect(stdout).toContain("requests with --floor");
  });

  test.each([
    { form: "json", read: (text: string): unknown => JSON.parse(text) },
    { form: "yaml", read: (text: string): unknown => parse(text) },
  ])("prints $form", async ({ form, read }) => {
    const args = ["compare", primary, shadow, "--floor", primary, "-o", form];
    const { status, stdout } = await runCommand(args);
    expect(status).toBe(0);
    expect(read(stdout)).toMatchObject({
      ...{ schema: "answer-comparison/1", paired_by: "id", pairs: 2, triples: 2 },
      agreement: [{ exact: 0.5, floor: { exact: 1, exact_lost: { estimate: 0.5 } } }],
    });
  });

  test("shows what the requests tell: tools, schema and decoding", async () => {
    const requests = fileOf("requests.jsonl", [
      { temperature: 0, response_format: { type: "json_object" } },
      { temperature: 1, tools: [{ function: { name: "f" } }] },
    ]);
    const answers = fileOf("answers.jsonl", [
      { text: '{"a":1}' },
      { text: "", tool_calls: [{ function: { name: "g", arguments: "{}" } }] },
    ]);
    const { stdout } = await runCommand(["compare", answers, answers, "--requests", requests]);
    expect(stdout).toMatch(/greedy +│ 1 +│ 100\.0 %/);
    expect(stdout).toMatch(/invalid tool call +│ 1 +│ 100\.0 % +│ 100\.0 %/);
    expect(stdout).toContain("JSON, of 1 pair: equal in 100.0 %, 100.0 % of keys shared");
    expect(stdout).toContain("Tool calls of pairs: same_args 1");
  });

  test("reads the primary from standard input", async () => {
    const streamStdin = () => Readable.from([Buffer.from('{"text":"a"}\n')]);
    const other = fileOf("one.jsonl", [{ text: "a" }]);
    const { status, stdout } = await runCommand(["compare", "-", other], { streamStdin });
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("1 pair by line"),
    });
  });

  test.each([
    {
      name: "a file that is not there",
      args: [primary, join(folder, "none.jsonl")],
      want: { status: 1, stderr: expect.stringMatching(/none\.jsonl can't be read: ENOENT/) },
    },
    {
      name: "files that share no id",
      args: [shadow, fileOf("strangers.jsonl", [{ id: "9", text: "a" }])],
      want: {
        status: 1,
        stderr: expect.stringContaining("the files share no id: use --pair-by line"),
      },
    },
    {
      name: "files without an answer",
      args: [fileOf("empty.jsonl", []), fileOf("numbers.jsonl", ["1"])],
      want: { status: 1, stderr: expect.stringContaining("no line of the files is an answer") },
    },
    {
      name: "one file only",
      args: [primary],
      want: { status: 2, stderr: expect.stringContaining("missing required argument 'shadow'") },
    },
    {
      name: "an output form that does not exist",
      args: [primary, shadow, "-o", "xml"],
      want: { status: 2, stderr: expect.stringContaining("Allowed choices are table, json, yaml") },
    },
  ])("refuses $name", async ({ args, want }) => {
    expect(await runCommand(["compare", ...args])).toMatchObject({ ...want, stdout: "" });
  });

  test("reports that no pair has a line in the floor", async () => {
    const empty = fileOf("no-floor.jsonl", []);
    const { stdout } = await runCommand(["compare", primary, shadow, "--floor", empty]);
    expect(stdout).toContain("is not known: no pair has a line in the file given as --floor");
  });

  test("is ended by Ctrl-C while it compares", async () => {
    const signal = AbortSignal.abort("SIGINT");
    const ran = await runCommand(["compare", primary, shadow], { signal });
    expect(ran).toEqual({ status: 130, stdout: "", stderr: "" });
  });

  test("is ended by Ctrl-C where standard input stays silent", async () => {
    const interrupt = new AbortController();
    const streamStdin = () => {
      setImmediate(() => interrupt.abort("SIGINT"));
      return new Readable({ read() {} });
    };
    const { signal } = interrupt;
    const ran = await runCommand(["compare", "-", shadow], { signal, streamStdin });
    expect(ran).toEqual({ status: 130, stdout: "", stderr: "" });
  });

  test("prints no text of an answer", async () => {
    const { stdout, stderr } = await runCommand(["compare", primary, shadow, "-o", "json"]);
    for (const text of [
      "The capital of France",
      "I'm sorry, but",
      "No one else",
      "a line that is not",
      "Sure, here",
    ]) {
      expect(stdout + stderr).not.toContain(text.slice(0, 8));
    }
  });
});
