import { createHash } from "node:crypto";
import type {
  GateResult,
  ReportEvaluation,
  ReportIdentity,
  ShadowReport,
} from "../report/shadow-report.ts";
import { describeBehaviour } from "./behaviour.ts";
import type { EvaluationConfig } from "./config.ts";
import { describeCost } from "./cost.ts";
import {
  describeMetrics,
  describePlots,
  describeStrata,
  describeThroughput,
  describeTokens,
  matrixOf,
} from "./describe.ts";
import { checkOutputs, describeOutputs } from "./describe-outputs.ts";
import { discordanceP } from "./discordance.ts";
import { funnelOf } from "./funnel.ts";
import { judgeGates, type Part, termsOf } from "./gates.ts";
import type { EvaluationInput, LaneFacts } from "./input.ts";
import { loadMemory } from "./load-memory.ts";
import { describeOverTime } from "./over-time.ts";
import { type Partition, partition } from "./partition.ts";
import { segmentSettings } from "./segment-settings.ts";
import { holdForSegments } from "./segment-verdict.ts";
import { judgeSegments } from "./segments.ts";
import { alphaOf, endOf, plannedMs, settled, stageAfter, standing } from "./stages.ts";
import { countOf, type PairTable, TableBuilder } from "./table.ts";
import { timelineOf } from "./timeline.ts";
import { checkAlways, checkValidity } from "./validity.ts";
import { verdictOf } from "./verdict.ts";

/**
 * Judges a shadow: takes samples, returns a report. Pure: the same input gives the same report. Any number of interim
 * analyses before the planned end is allowed. For repeated analyses, pass the previous report as `facts.earlier`: then
 * a FAIL stays, and the first analysis at the planned end gives the final verdict. That analysis waits for answers
 * still in flight at the planned end (`facts.openBeforeEnd`).
 */
export function judge(input: EvaluationInput): ShadowReport {
  return judgePart(input);
}

/** `judge`, or only a part of it for simulations, which judge often. */
export function judgePart(input: EvaluationInput, only?: Part): ShadowReport {
  const { config, facts = {} } = input;
  const part = partition(input);
  const { table } = part;
  const elapsedMs = part.nowMs - part.startedAtMs;
  const known = standing(facts.earlier, elapsedMs, config);
  if (known !== undefined) return known;
  const pairs = countOf(table.isJudged);
  const { isBudgetSpent = false, baseline, candidate } = facts;
  const stage = stageAfter(facts.earlier);
  const { hasEnded, waitsFor } = endOf(elapsedMs, config, { facts, stage });
  const isFinal = hasEnded && pairs >= config.minPairs;
  const evaluation = evaluationOf(part, isFinal, input);
  const seedOf = (gate: string) => config.seed ?? seedFrom(`${evaluation.id} ${gate}`);
  const context = { config, ...errorsOf(input, stage), isFinal, seedOf, ...outputsOf(part, input) };
  const gates = gatesWithHistory(judgeGates(table, context, only), facts.earlier, evaluation);
  const isFull = only === undefined || (only === "decisive" && hasEnded);
  const segments = isFull ? judgeSegments(table, { ...context, terms: termsOf(context) }) : [];
  const check = isFull ? checkValidity : checkAlways;
  const sound = check({ table, part, facts, config, isFinal: hasEnded });
  const validity = [...sound, ...checkOutputs(part.outputs, { isFinal: hasEnded })];
  const judged = verdictOf({
    ...{ gates, validity, isFinal, pairs, isBudgetSpent, hasEnded, waitsFor, stage },
    ...{ config, load: evaluation.load, at: evaluation.ended_at },
    ...{ earlier: facts.earlier?.verdict, isFinished: facts.isFinished === true },
    leftS: hasEnded ? 0 : (plannedMs(config, stage) - elapsedMs) / 1_000,
    elapsedS: elapsedMs / 1_000,
    requests: Math.max(part.counts.samples, facts.counts?.dispatched ?? 0),
  });
  const verdict = holdForSegments(judged, segments, segmentSettings(config.outputs?.segments));
  const cost = describeCost({ table, part, facts, config, validity });
  const described = input.isBrief === true ? new TableBuilder().build(0) : table;
  return finiteOnly({
    schema: part.outputs === undefined ? "shadow-report/2" : "shadow-report/3",
    evaluation,
    baseline: identity(baseline, ""),
    candidate: identity(candidate, part.candidate),
    control: facts.control === undefined ? null : identity(facts.control, ""),
    verdict,
    funnel: funnelOf(part, table, facts),
    gates,
    metrics: describeMetrics(described, context),
    throughput: {
      primary: describeThroughput(described, "baseline", cost.primary, config),
      shadow: describeThroughput(described, "shadow", cost.shadow, config),
    },
    errors: { matrix: classesOf(described), mcnemar_p: discordanceP(described, config) },
    finish_reasons: { matrix: matrixOf(described, (lane, i) => lane.finish[i] ?? "") },
    tokens: describeTokens(described),
    outputs: describeOutputs(part.outputs, facts.control?.pool, config.outputs),
    strata: describeStrata(described),
    timeline: timelineOf(described, part.startedAtMs, config),
    plots: describePlots(described),
    ...{ validity, limits_hit: facts.limitsHit ?? [] },
    segments,
    over_time: describeOverTime(described, part.startedAtMs),
    behaviour: describeBehaviour(described),
    cost,
  });
}

function outputsOf({ outputs }: Partition, { control }: EvaluationInput) {
  return { outputs, hasFloor: control !== undefined };
}

function classesOf(table: PairTable): ReturnType<typeof matrixOf> {
  return matrixOf(table, (lane, i) => lane.classes[i] ?? "");
}

/** Probabilities of a wrong PASS now and at the next verdict. A run that is recorded again begins at the first stage. */
function errorsOf({ config, facts = {} }: EvaluationInput, stage: number) {
  const alpha = alphaOf(config, stage);
  return { alpha, nextAlpha: facts.isFinished === true ? alpha : alphaOf(config, stage + 1) };
}

/** Gates, combined with the results of earlier analyses. */
function gatesWithHistory(
  gates: readonly GateResult[],
  earlier: ShadowReport | undefined,
  { ended_at: at, is_final: isFinal }: ReportEvaluation,
): readonly GateResult[] {
  return gates.map((gate) => {
    const before = earlier?.gates.find(({ id }) => id === gate.id);
    return settled(gate, before, { at, isFinal });
  });
}

function evaluationOf(
  { startedAtMs, nowMs, table, ...part }: Partition,
  isFinal: boolean,
  { config, facts = {} }: EvaluationInput,
): ReportEvaluation {
  const hash = configHash(config);
  const { route = part.route, sampling = null, captured = 0, policy = null } = facts;
  const { policyGeneration } = facts;
  const id = evaluationId(route, facts.candidate?.pool ?? part.candidate, hash);
  return {
    id,
    route,
    started_at: new Date(startedAtMs).toISOString(),
    ended_at: new Date(nowMs).toISOString(),
    is_final: isFinal,
    elapsed_s: (nowMs - startedAtMs) / 1_000,
    horizon_s: config.horizonMs / 1_000,
    min_pairs: config.minPairs,
    warmup_s: config.warmupMs / 1_000,
    config_sha256: hash,
    seed: config.seed ?? seedFrom(id),
    alpha: config.alpha,
    load: loadMemory(table, config),
    slo_ms: config.slo,
    ...{ sampling, captured, policy },
    ...(policyGeneration === undefined ? {} : { policy_generation: policyGeneration }),
  };
}

/** Replaces numbers that are not finite by null, because a report is JSON. */
function finiteOnly(report: ShadowReport): ShadowReport {
  return JSON.parse(JSON.stringify(report)) as ShadowReport;
}

/** SHA-256 of the configuration, independent of the order of its fields. */
export function configHash(config: EvaluationConfig): string {
  return sha256(JSON.stringify(ordered(config)));
}

/** Short name of an evaluation. Equal route, shadow and configuration give the same name. */
function evaluationId(route: string, candidate: string, hash: string): string {
  return sha256(`${route}\n${candidate}\n${hash}`).slice(0, 8);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, ordered(each)]));
}

function seedFrom(text: string): number {
  return Number.parseInt(sha256(text).slice(0, 8), 16);
}

function identity(facts: LaneFacts | undefined, pool: string): ReportIdentity {
  return {
    pool: facts?.pool ?? pool,
    models: facts?.models ?? [],
    engine: facts?.engine ?? null,
    replicas: facts?.replicas ?? null,
  };
}
