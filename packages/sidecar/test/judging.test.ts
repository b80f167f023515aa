import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { evaluationConfig, type Sample } from "@umbra/shadow";
import { createJudging } from "../src/evaluation/judging.ts";
import { checkSamplesFile } from "../src/evaluation/samples-file.ts";

const leg = {
  ...{ status: 200, class: "ok" as const, stream: true, ttft: 100, ttfo: 100, tpot: 20, e2e: 500 },
  ...{ outTokens: 21, tokenSource: "usage" as const, outChars: 80, promptTokens: 50 },
  ...{ cachedTokens: 0, promptBytes: 400, finish: "stop", endpoint: null, attempts: 1 },
};

function sample(i: number, more: Partial<Sample> = {}): Sample {
  return {
    ...{ v: 1, id: `r${i}`, t0: Date.now() - 10_000 + i, route: "default/r" },
    ...{ candidate: "default/b", mirrored: true, drop: null, session: null },
    ...{ primary: leg, shadow: leg, lag: 1, ...more },
  };
}

/** Undefined if the descriptor was closed, like that of the listing itself. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

describe("evaluations on disk", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "umbra-judging-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const key = "default/r default/b";
  function open(minPairs = 2_000) {
    const config = evaluationConfig({ warmupMs: 0, minPairs });
    const candidate = "default/b";
    const role = "candidate" as const;
    const evaluation = { key, route: "default/r", candidate, role, controlKey: undefined, config };
    const setup = {
      evaluations: [evaluation],
      samplesFile: join(folder, "run.ndjson"),
      capacity: 10_000,
      evaluateEveryMs: 1_000,
    };
    const trouble: string[] = [];
    const judging = createJudging(setup, (text) => trouble.push(text));
    return { judging, trouble, file: setup.samplesFile };
  }
  const add = (judging: ReturnType<typeof createJudging>, from: number, to: number) =>
    judging.add(Array.from({ length: to - from }, (_, i) => ({ key, sample: sample(from + i) })));

  test("a crash loses nothing that was written, and the evaluation continues", () => {
    const first = open();
    add(first.judging, 0, 50);
    const before = first.judging.analyze(true)[0];
    // Truncated in the middle of a line; never closed.
    appendFileSync(first.file, '{"v":1,"id":"half');
    const second = open();
    expect(second.judging.analyze(true)[0]).toMatchObject({
      funnel: { paired: 50 },
      evaluation: { id: before?.evaluation.id, started_at: before?.evaluation.started_at },
    });
    add(second.judging, 50, 60);
    expect(second.judging.analyze(true)[0]?.funnel.paired).toBe(60);
    second.judging.close();
    expect(readFileSync(second.file, "utf8").trim().split("\n")).toHaveLength(61);
    expect(statSync(second.file).mode & 0o777).toBe(0o600);
  });

  test("another configuration is another evaluation, and the file keeps both", () => {
    const first = open();
    add(first.judging, 0, 50);
    first.judging.close();
    const second = open(500);
    expect(second.judging.analyze(true)[0]?.funnel.paired).toBe(0);
    add(second.judging, 50, 55);
    expect(second.judging.analyze(true)[0]?.funnel.paired).toBe(5);
    second.judging.close();
    expect(readFileSync(second.file, "utf8").trim().split("\n")).toHaveLength(55);
  });

  test.each<{ name: string; make: (file: string) => void; says: string }>([
    { name: "a folder", make: (file) => mkdirSync(file), says: "EISDIR" },
    { name: "in no folder", make: () => rmSync(folder, { recursive: true }), says: "ENOENT" },
    {
      name: "a pipe",
      make: (file) => execFileSync("mkfifo", [file]),
      says: "it is not a regular file",
    },
    {
      name: "a link",
      make: (file) => symlinkSync(join(folder, "target"), file),
      says: "it is a symbolic link",
    },
  ])(
    "a samples file that is $name is an error at start, and later kept in memory",
    ({ make, says }) => {
      make(join(folder, "run.ndjson"));
      expect(() => checkSamplesFile(join(folder, "run.ndjson"))).toThrow(says);
      expect(() => checkSamplesFile(join(folder, "run.ndjson"))).toThrow("--samples");
      const { judging, trouble } = open();
      add(judging, 0, 10);
      expect(judging.analyze(true)[0]?.funnel.paired).toBe(10);
      expect(trouble).toEqual([expect.stringContaining(says)]);
    },
  );

  test.each([
    '{"evaluations":"x"}',
    '{"evaluations":[1]}',
    "null",
    "{",
    '{"evaluations":{"a":{"started_at":"x"}}}',
  ])("a broken meta file (%s) begins a new evaluation", (text) => {
    writeFileSync(join(folder, "run.ndjson.meta.json"), text);
    const { judging, trouble } = open();
    add(judging, 0, 10);
    expect([judging.analyze(true)[0]?.funnel.paired, trouble]).toEqual([10, []]);
  });

  test.each([
    { schema: "shadow-report/2", gates: [] },
    { schema: "shadow-report/2", gates: [], verdict: { status: "PASS" } },
    null,
  ])("an incomplete report in the meta file is evaluated again: %j", (half) => {
    const first = open();
    add(first.judging, 0, 50);
    const before = first.judging.analyze(true)[0];
    first.judging.close();
    const file = `${first.file}.meta.json`;
    const meta = JSON.parse(readFileSync(file, "utf8")) as {
      evaluations: Record<string, { config_sha256: string; report?: unknown }>;
    };
    for (const entry of Object.values(meta.evaluations)) {
      const { config_sha256 } = entry;
      entry.report =
        half === null ? null : { ...half, evaluation: { config_sha256, is_final: true } };
    }
    writeFileSync(file, JSON.stringify(meta));
    expect(open().judging.analyze(true)[0]).toMatchObject({
      funnel: { paired: 50 },
      verdict: { status: "INCONCLUSIVE" },
      evaluation: { id: before?.evaluation.id },
    });
  });

  test("a link at the path of the meta file is not followed", () => {
    const target = join(folder, "target");
    writeFileSync(target, "mine");
    symlinkSync(target, join(folder, "run.ndjson.meta.json.tmp"));
    const { judging, trouble } = open();
    add(judging, 0, 10);
    expect([readFileSync(target, "utf8"), trouble]).toEqual(["mine", []]);
  });

  test("a samples file that can no longer be written is closed", () => {
    const { judging, file, trouble } = open();
    const isOpen = () =>
      readdirSync("/proc/self/fd").some((fd) => linkOf(`/proc/self/fd/${fd}`) === file);
    expect(isOpen()).toBe(true);
    // The meta file can't be created.
    mkdirSync(join(folder, "run.ndjson.meta.json.tmp"));
    add(judging, 0, 10);
    expect(trouble).toEqual([expect.stringContaining("samples are no longer written")]);
    expect(isOpen()).toBe(false);
    expect(judging.analyze(true)[0]?.funnel.paired).toBe(10);
  });

  test("analyses only run when there is new data", () => {
    const { judging } = open();
    add(judging, 0, 20);
    const [first] = judging.analyze(false);
    expect(judging.analyze(false)[0]).toBe(first);
    add(judging, 20, 21);
    expect(judging.analyze(false)[0]).not.toBe(first);
    judging.close();
  });
});
