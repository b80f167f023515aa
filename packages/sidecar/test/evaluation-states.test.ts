import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { evaluationConfig, type Sample } from "@umbra/shadow";
import { gateIds } from "@umbra/shadow/internal";
import { createJudging, type Judging } from "../src/evaluation/judging.ts";
import type { EvaluationNow } from "../src/evaluation/worker-messages.ts";

const leg = {
  ...{ status: 200, class: "ok" as const, stream: true, ttft: 100, ttfo: 100, tpot: 20, e2e: 500 },
  ...{ outTokens: 21, tokenSource: "usage" as const, outChars: 80, promptTokens: 50 },
  ...{ cachedTokens: 0, promptBytes: 400, finish: "stop", endpoint: null, attempts: 1 },
};
/** All times below are seconds since this time. */
const epochMs = Date.parse("2026-03-01T00:00:00.000Z");
const at = (s: number) => epochMs + s * 1_000;
const key = "default/r default/b";

interface Setup {
  readonly minPairs?: number;
  readonly horizonS?: number;
}

/** One evaluation with a clock that the case controls. */
class Run {
  readonly folder = mkdtempSync(join(tmpdir(), "umbra-states-"));
  readonly file = join(this.folder, "run.ndjson");
  readonly meta = `${this.file}.meta.json`;
  readonly trouble: string[] = [];
  #nowS = 0;
  #judging: Judging | undefined;
  #ids = 0;

  open(nowS: number, { minPairs = 200, horizonS = 600 }: Setup = {}): this {
    this.#nowS = nowS;
    const gates = Object.fromEntries(
      gateIds.map((id) => [id, { required: id === "ttft.typical" }]),
    );
    const config = evaluationConfig({ warmupMs: 0, minPairs, horizonMs: horizonS * 1_000, gates });
    const evaluation = {
      ...{ key, route: "default/r", candidate: "default/b", role: "candidate" as const },
      ...{ controlKey: undefined, config },
    };
    this.#judging = createJudging(
      {
        evaluations: [evaluation],
        samplesFile: this.file,
        ...{ capacity: 10_000, evaluateEveryMs: 1_000 },
      },
      (text) => this.trouble.push(text),
      () => at(this.#nowS),
    );
    return this;
  }

  /** Pairs whose requests were sent at these seconds, answered in this order. */
  pairs(...sentS: readonly number[]): this {
    this.#judging?.add(
      sentS.map((s) => {
        const id = this.#ids++;
        const shadow = { ...leg, ttft: 95 + ((id * 7) % 11) };
        return { key, sample: sampleAt(s, `r${id}`, { shadow }) };
      }),
    );
    return this;
  }

  /** The same, but 50 % slower on the shadow. */
  slower(...sentS: readonly number[]): this {
    this.#judging?.add(
      sentS.map((s) => {
        const id = this.#ids++;
        const shadow = { ...leg, ttft: 150 + ((id * 7) % 11) };
        return { key, sample: sampleAt(s, `r${id}`, { shadow }) };
      }),
    );
    return this;
  }

  /** Adds twins that were given up. */
  hanging(...sentS: readonly number[]): this {
    this.#judging?.add(
      sentS.map((s) => ({ key, sample: sampleAt(s, `r${this.#ids++}`, { lag: null }) })),
    );
    return this;
  }

  unmirrored(s: number): this {
    const sample = sampleAt(s, `r${this.#ids++}`, { mirrored: false, shadow: null });
    this.#judging?.add([{ key, sample }]);
    return this;
  }

  facts(more: Partial<EvaluationNow>): this {
    const lane = { pool: "default/b" };
    const counts = { eligible: 0, sampled: 0, dispatched: 0, dropped: {} };
    const now: EvaluationNow = {
      ...{ counts, loadRatio: undefined, isBudgetSpent: false, percent: 100, by: "request" },
      policy: null,
      ...{ baseline: lane, candidate: lane, captured: 0, limitsHit: [], ...more },
    };
    this.#judging?.update({ [key]: now });
    return this;
  }

  clock(s: number): this {
    this.#nowS = s;
    return this;
  }

  /** Like a killed process: closes nothing. */
  crash(): this {
    this.#judging = undefined;
    return this;
  }

  report() {
    const [report] = this.#judging?.analyze(true) ?? [];
    if (report === undefined) throw new Error("no report");
    const { evaluation, funnel, verdict, limits_hit } = report;
    return {
      startS: (Date.parse(evaluation.started_at) - epochMs) / 1_000,
      endS: (Date.parse(evaluation.ended_at) - epochMs) / 1_000,
      elapsedS: evaluation.elapsed_s,
      paired: funnel.paired,
      inFlight: funnel.in_flight,
      used: funnel.used,
      isFinal: evaluation.is_final,
      status: verdict.status,
      finalS: verdict.final === null ? null : (Date.parse(verdict.final.at) - epochMs) / 1_000,
      stage: verdict.final?.stage ?? null,
      reasons: verdict.reasons.map(({ code }) => code).filter((code) => !code.startsWith("gate_")),
      limits: limits_hit,
    };
  }
}

function sampleAt(s: number, id: string, more: Partial<Sample>): Sample {
  return {
    ...{ v: 1, id, t0: at(s), route: "default/r", candidate: "default/b" },
    ...{ mirrored: true, drop: null, session: null, primary: leg, shadow: null, lag: 1, ...more },
  };
}

/** The first of `count` mirrored requests was sent at second `s`. */
function dispatched(s: number, count: number): Partial<EvaluationNow> {
  const counts = { eligible: count, sampled: count, dispatched: count, dropped: {} };
  return { counts, startedAtMs: epochMs + s * 1_000 };
}

const seconds = (from: number, to: number, step = 1) =>
  Array.from({ length: Math.round((to - from) / step) }, (_, i) => from + i * step);

/** At its planned end with enough pairs, which all arrived in too short a time for a verdict. */
function inconclusive(run: Run): Run {
  run
    .open(0)
    .pairs(...seconds(1, 101, 0.25))
    .clock(602)
    .report();
  return run;
}

interface Expected extends Partial<ReturnType<Run["report"]>> {
  readonly startS: number;
  readonly endS: number;
  readonly paired: number;
  readonly isFinal: boolean;
}

const cases: readonly {
  readonly name: string;
  readonly play: (run: Run) => Run;
  readonly want: Expected;
}[] = [
  {
    name: "before any request nothing has started",
    play: (run) => run.open(5),
    want: {
      ...{ startS: 5, endS: 5, elapsedS: 0, paired: 0, used: 0, isFinal: false },
      ...{ status: "INCONCLUSIVE", reasons: ["not_started"] },
    },
  },
  {
    name: "before the first pair it starts with the first request",
    play: (run) => run.open(0).clock(20).unmirrored(12).clock(30),
    want: { startS: 12, endS: 30, paired: 0, isFinal: false, reasons: ["not_ended"] },
  },
  {
    name: "the first pair is in it",
    play: (run) => run.open(0).clock(13).pairs(12),
    want: { startS: 12, endS: 13, paired: 1, used: 1, isFinal: false },
  },
  {
    name: "it starts when its first request is mirrored, long before that is answered",
    play: (run) => run.open(0).facts(dispatched(10.0004, 1)).clock(30),
    want: {
      ...{ startS: 10, endS: 30, elapsedS: 20, paired: 0, inFlight: 1, isFinal: false },
      reasons: ["not_ended"],
    },
  },
  {
    name: "every request that was mirrored is paired, lost or in flight",
    play: (run) => run.open(0).facts(dispatched(10.0004, 4)).clock(30).pairs(10, 12, 11).clock(31),
    want: { startS: 10, endS: 31, paired: 3, used: 3, inFlight: 1, isFinal: false },
  },
  {
    name: "answers in another order than requests: it starts with the first request",
    play: (run) => run.open(0).clock(15).pairs(12).clock(30).pairs(10.5, 11, 14),
    want: { startS: 10.5, endS: 30, paired: 4, used: 4, isFinal: false },
  },
  {
    name: "the same in one batch",
    play: (run) => run.open(0).clock(15).pairs(12, 11, 13),
    want: { startS: 11, endS: 15, paired: 3, used: 3, isFinal: false },
  },
  {
    name: "the same, and a restart after it",
    play: (run) => run.open(0).clock(15).pairs(12).pairs(10.5, 11).crash().open(40),
    want: { startS: 10.5, endS: 40, paired: 3, used: 3, isFinal: false },
  },
  {
    name: "a restart in the middle continues",
    play: (run) => run.open(0).pairs(1, 2, 3).crash().open(100).pairs(101).clock(110),
    want: { startS: 1, endS: 110, paired: 4, isFinal: false },
  },
  {
    name: "two restarts in the middle continue",
    play: (run) =>
      run.open(0).pairs(1, 2).crash().open(50).pairs(51).crash().open(60).pairs(61).clock(70),
    want: { startS: 1, endS: 70, paired: 4, isFinal: false },
  },
  {
    name: "a restart before the first request",
    play: (run) => run.open(0).crash().open(40).clock(50),
    want: { startS: 50, endS: 50, paired: 0, isFinal: false, reasons: ["not_started"] },
  },
  {
    name: "samples without their meta file start again",
    play(run) {
      run.open(0).pairs(1, 2, 3).crash();
      rmSync(run.meta);
      return run.open(100).pairs(101);
    },
    want: { startS: 101, endS: 101, paired: 1, isFinal: false },
  },
  {
    name: "a meta file without its samples starts again",
    play(run) {
      run.open(0).pairs(1, 2, 3).crash();
      rmSync(run.file);
      return run.open(100).pairs(101, 102).clock(103);
    },
    want: { startS: 101, endS: 103, paired: 2, isFinal: false },
  },
  {
    name: "a meta file without its samples, before any request",
    play(run) {
      run.open(0).pairs(1, 2, 3).crash();
      rmSync(run.file);
      return run.open(100);
    },
    want: { startS: 100, endS: 100, paired: 0, isFinal: false, reasons: ["not_started"] },
  },
  {
    name: "the meta file of an older run starts again, and the older samples stay out",
    play: (run) => run.open(0).pairs(1, 2, 3).crash().open(90_000).pairs(90_001).clock(90_002),
    want: { startS: 90_001, endS: 90_002, paired: 1, isFinal: false },
  },
  {
    name: "and so does a restart of the new run",
    play: (run) =>
      run.open(0).pairs(1, 2).crash().open(90_000).pairs(90_001).crash().open(90_010).pairs(90_011),
    want: { startS: 90_001, endS: 90_010, paired: 2, isFinal: false },
  },
  {
    name: "the meta file of another configuration starts again",
    play: (run) =>
      run.open(0).pairs(1, 2, 3).crash().open(50, { minPairs: 300 }).pairs(51).clock(52),
    want: { startS: 51, endS: 52, paired: 1, isFinal: false },
  },
  {
    name: "back to the first configuration starts again as well",
    play: (run) =>
      run
        .open(0)
        .pairs(1, 2)
        .crash()
        .open(50, { minPairs: 300 })
        .pairs(51)
        .crash()
        .open(60)
        .pairs(61),
    want: { startS: 61, endS: 61, paired: 1, isFinal: false },
  },
  ...[
    { what: "truncated", text: '{"evaluations": {"default/r default' },
    { what: "empty", text: "" },
    { what: "foreign", text: '{"hello": "world"}' },
    { what: "null", text: "null" },
    { what: "an array", text: "[1, 2]" },
    { what: "full of other types", text: `{"evaluations": {"${key}": null, "x": [], "y": 3}}` },
    { what: "a string", text: '{"evaluations": "none"}' },
    {
      what: "without a number",
      text: `{"evaluations": {"${key}": {"config_sha256": "x", "started_at": "monday"}}}`,
    },
  ].map(({ what, text }) => ({
    name: `a meta file that is ${what} starts again`,
    play(run: Run) {
      run.open(0).pairs(1, 2, 3).crash();
      writeFileSync(run.meta, text);
      return run.open(100).pairs(101).clock(102);
    },
    want: { startS: 101, endS: 102, paired: 1, isFinal: false },
  })),
  {
    name: "a truncated samples file keeps complete samples",
    play(run) {
      run.open(0).pairs(1, 2, 3).crash();
      const text = readFileSync(run.file, "utf8");
      writeFileSync(run.file, text.slice(0, -40));
      return run.open(100).pairs(101).clock(102);
    },
    want: { startS: 1, endS: 102, paired: 3, isFinal: false },
  },
  {
    name: "another program's samples file is ignored",
    play(run) {
      run.open(0).pairs(1, 2, 3).crash();
      writeFileSync(run.file, `${"\u0000garbage\n".repeat(1_000)}{"v":1}\n`);
      return run.open(100).pairs(101).clock(102);
    },
    want: { startS: 101, endS: 102, paired: 1, isFinal: false },
  },
  {
    name: "samples of another candidate in the file do not count",
    play(run) {
      run.open(0).pairs(1, 2).crash();
      const other = sampleAt(3, "other", { candidate: "default/c", shadow: leg });
      appendFileSync(run.file, `${JSON.stringify(other)}\n`);
      return run.open(100);
    },
    want: { startS: 1, endS: 100, paired: 2, isFinal: false },
  },
  {
    name: "a clock that was set back before a restart starts again",
    play: (run) => run.open(5_000).pairs(5_001, 5_002).crash().open(100).pairs(101).clock(102),
    want: { startS: 101, endS: 102, paired: 1, isFinal: false },
  },
  {
    name: "and the samples of the later clock stay out after the next restart",
    play: (run) =>
      run.open(5_000).pairs(5_001).crash().open(100).pairs(101).crash().open(110).pairs(111),
    want: { startS: 101, endS: 110, paired: 2, isFinal: false },
  },
  {
    name: "a pause is reported, and time continues",
    play: (run) =>
      run
        .open(0)
        .pairs(1, 2)
        .facts({ limitsHit: ["mirroring is paused"] })
        .clock(100),
    want: { startS: 1, endS: 100, paired: 2, isFinal: false, limits: ["mirroring is paused"] },
  },
  {
    name: "ended by duration with too few pairs continues",
    play: (run) => run.open(0).pairs(1, 2).clock(700),
    want: { startS: 1, endS: 700, paired: 2, isFinal: false, reasons: ["too_few_pairs"] },
  },
  {
    name: "a restart soon after its planned length, with too few pairs, continues",
    play: (run) =>
      run
        .open(0)
        .pairs(...seconds(1, 600, 10))
        .crash()
        .open(620)
        .pairs(621)
        .clock(622),
    want: { startS: 1, endS: 622, paired: 61, isFinal: false },
  },
  {
    name: "ended by duration with enough pairs is final",
    play: (run) =>
      run
        .open(0)
        .pairs(...seconds(1, 601))
        .clock(602),
    want: { startS: 1, endS: 602, paired: 600, used: 600, isFinal: true, status: "PASS" },
  },
  {
    name: "enough pairs before the planned end are not final",
    play: (run) =>
      run
        .open(0)
        .pairs(...seconds(1, 301))
        .clock(302),
    want: { startS: 1, endS: 302, paired: 300, isFinal: false, reasons: ["not_ended"] },
  },
  {
    name: "ended by count is final",
    play: (run) =>
      run
        .open(0)
        .pairs(...seconds(1, 301))
        .clock(302)
        .facts({ isBudgetSpent: true }),
    want: { startS: 1, endS: 302, paired: 300, isFinal: true, status: "PASS", reasons: ["all"] },
  },
  {
    name: "ended by count with too few pairs reports it",
    play: (run) => run.open(0).pairs(1, 2).clock(302).facts({ isBudgetSpent: true }),
    want: { startS: 1, endS: 302, paired: 2, isFinal: false, reasons: ["too_few_pairs"] },
  },
  {
    name: "the first analysis at the planned end gives the verdict, whatever follows",
    play(run) {
      run
        .open(0)
        .pairs(...seconds(1, 601))
        .clock(602)
        .report();
      return run.pairs(...seconds(602, 900)).clock(2_000);
    },
    want: {
      ...{ startS: 1, endS: 602, paired: 600, isFinal: true },
      ...{ status: "PASS", finalS: 602, stage: 1 },
    },
  },
  {
    name: "a verdict that is inconclusive stays so until twice the planned time",
    play: (run) =>
      inconclusive(run)
        .pairs(...seconds(603, 1_100))
        .clock(1_150),
    want: {
      ...{ startS: 1, endS: 602, paired: 400, isFinal: true },
      ...{ status: "INCONCLUSIVE", finalS: 602, stage: 1 },
    },
  },
  {
    name: "the same, across a restart",
    play: (run) =>
      inconclusive(run)
        .pairs(...seconds(603, 1_100))
        .crash()
        .open(1_110)
        .clock(1_150),
    want: {
      ...{ startS: 1, endS: 602, paired: 400, isFinal: true },
      ...{ status: "INCONCLUSIVE", finalS: 602, stage: 1 },
    },
  },
  {
    name: "then the second stage follows, with its own verdict",
    play: (run) =>
      inconclusive(run)
        .pairs(...seconds(603, 1_100))
        .crash()
        .open(1_110)
        .clock(1_200),
    want: {
      ...{ startS: 1, endS: 1_200, paired: 897, isFinal: true },
      ...{ status: "PASS", finalS: 1_200, stage: 2 },
    },
  },
  {
    name: "a FAIL before the planned end is final, after a restart and with later samples",
    play(run) {
      run
        .open(0)
        .slower(...seconds(1, 301))
        .clock(302)
        .report();
      return run
        .crash()
        .open(310)
        .pairs(...seconds(311, 601))
        .clock(602);
    },
    want: {
      ...{ startS: 1, endS: 602, paired: 590, isFinal: true },
      ...{ status: "FAIL", finalS: 302, stage: 1 },
    },
  },
  {
    name: "the final analysis waits for requests running at the planned end, and not for later ones",
    play(run) {
      run
        .open(0)
        .pairs(...seconds(1, 581))
        .clock(602)
        .facts(dispatched(1, 600));
      return run.pairs(...seconds(602, 650)).clock(660);
    },
    want: {
      startS: 1,
      endS: 660,
      paired: 628,
      isFinal: false,
      finalS: null,
      reasons: ["answers_open"],
    },
  },
  {
    name: "late answers are included in the verdict",
    play(run) {
      run
        .open(0)
        .pairs(...seconds(1, 581))
        .clock(602)
        .facts(dispatched(1, 600))
        .report();
      return run.hanging(...seconds(581, 601)).clock(900);
    },
    want: {
      startS: 1,
      endS: 900,
      paired: 580,
      inFlight: 0,
      isFinal: true,
      status: "PASS",
      finalS: 900,
    },
  },
  {
    name: "the same if an analysis notices the end before the update",
    play: (run) =>
      run
        .open(0)
        .pairs(...seconds(1, 581))
        .clock(590)
        .facts({ ...dispatched(1, 590), atMs: at(590) })
        .clock(602),
    want: { startS: 1, endS: 602, paired: 580, isFinal: false, reasons: ["answers_open"] },
  },
  {
    name: "but not longer than the timeout of a twin",
    play(run) {
      run
        .open(0)
        .pairs(...seconds(1, 581))
        .clock(602)
        .facts(dispatched(1, 600))
        .report();
      return run.clock(602 + 661);
    },
    want: { startS: 1, endS: 1_263, paired: 580, isFinal: true, status: "PASS" },
  },
  {
    name: "an exhausted budget is final when nothing is running",
    play(run) {
      const spent = { ...dispatched(1, 300), isBudgetSpent: true };
      run
        .open(0)
        .pairs(...seconds(1, 150))
        .clock(302)
        .facts(spent);
      return run;
    },
    want: {
      startS: 1,
      endS: 302,
      paired: 149,
      isFinal: false,
      finalS: null,
      reasons: ["answers_open"],
    },
  },
  {
    name: "and does not change, whatever follows",
    play(run) {
      const spent = { ...dispatched(1, 149), isBudgetSpent: true };
      run
        .open(0)
        .pairs(...seconds(1, 150))
        .clock(302)
        .facts(spent)
        .report();
      return run.pairs(...seconds(150, 301)).clock(310);
    },
    want: {
      startS: 1,
      endS: 302,
      paired: 149,
      isFinal: false,
      status: "INCONCLUSIVE",
      finalS: 302,
      stage: 1,
    },
  },
  {
    name: "a restart after the final verdict starts again",
    play(run) {
      run
        .open(0)
        .pairs(...seconds(1, 601))
        .clock(602)
        .report();
      return run.crash().open(610).pairs(611).clock(612);
    },
    want: { startS: 611, endS: 612, paired: 1, isFinal: false },
  },
];

describe("an evaluation", () => {
  let run = new Run();
  beforeEach(() => {
    run = new Run();
  });
  afterEach(() => rmSync(run.folder, { recursive: true, force: true }));

  test.each(cases)("$name", ({ play, want }) => {
    const report = play(run).report();
    const { reasons, ...rest } = want;
    expect(report).toMatchObject(rest);
    const texts = reasons?.map((code) => expect.stringContaining(code));
    expect(report.reasons).toEqual(texts ?? expect.anything());
    expect(run.trouble).toEqual([]);
  });

  test("a meta file that can't be written stops the samples file, not the evaluation", () => {
    run.open(0);
    rmSync(run.folder, { recursive: true });
    expect(run.pairs(1, 2).clock(3).report()).toMatchObject({ startS: 1, paired: 2 });
    expect(run.trouble).toEqual([expect.stringContaining("samples are no longer written")]);
  });

  test("every pair falls between start and end, whatever the order of answers and restarts", () => {
    const order = [7, 3, 9, 1, 5, 2, 8, 4, 6];
    run.open(0);
    for (const [i, s] of order.entries()) {
      run.clock(20 + i).pairs(s);
      expect(run.report()).toMatchObject({
        startS: Math.min(...order.slice(0, i + 1)),
        paired: i + 1,
        used: i + 1,
      });
      run.crash().open(20 + i);
    }
    expect(run.report()).toMatchObject({ startS: 1, paired: 9 });
  });
});
