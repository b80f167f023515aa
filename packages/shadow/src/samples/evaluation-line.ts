import {
  type EvaluationConfig,
  evaluationConfig,
  type GateConfig,
  gateIds,
  type OutputSettings,
} from "../judge/config.ts";
import type { JudgeTerms } from "../judge/judged-pairs.ts";
import { outputGateIds } from "../judge/output-config.ts";
import { segmentKinds } from "../judge/segment-settings.ts";
import type { ClosedWhy } from "../report/shadow-report.ts";
import { isRecord } from "./read-samples.ts";

/**
 * A line of a samples file about an evaluation that began or was closed while the process ran: which samples belong to
 * it, and how they are judged. A line for a closed evaluation replaces the one for its start.
 */
export interface EvaluationLine {
  readonly route: string;
  readonly candidate: string;
  /** Its requests were sent from then on, in ms since the epoch. */
  readonly fromMs: number;
  /** Absent while it runs. */
  readonly closed?: { readonly atMs: number; readonly why: ClosedWhy };
  readonly config: EvaluationConfig;
}

/** Returns the line's JSON. */
export function evaluationLine({
  route,
  candidate,
  fromMs,
  closed,
  config,
}: EvaluationLine): string {
  const until = closed === undefined ? {} : { until: closed.atMs, why: closed.why };
  return JSON.stringify({ v: 1, evaluation: { route, candidate, from: fromMs, ...until, config } });
}

/** Parses a line of any origin; undefined if it is not about an evaluation. */
export function parseEvaluationLine(line: string): EvaluationLine | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(json) || json.v !== 1 || !isRecord(json.evaluation)) return undefined;
  const { route, candidate, from, until, why, config: given } = json.evaluation;
  const config = isRecord(given) ? parseConfig(given) : undefined;
  if (typeof route !== "string" || typeof candidate !== "string" || config === undefined) {
    return undefined;
  }
  const fromMs = within(from, 0, maxEpochMs);
  const atMs = within(until, 0, maxEpochMs);
  if (fromMs === undefined || (until !== undefined && atMs === undefined)) return undefined;
  const closed = atMs === undefined ? {} : { closed: { atMs, why: whyOf(why) } };
  return { route, candidate, fromMs, ...closed, config };
}

/** Largest time of a `Date`. */
const maxEpochMs = 8_640_000_000_000_000;
const yearMs = 31_536_000_000;
const maxBlockLengths = 32;

function whyOf(json: unknown): ClosedWhy {
  return json === "removed" ? "removed" : "changed";
}

type Json = Readonly<Record<string, unknown>>;

/** Undefined unless all settings are valid: other settings would give another verdict. */
function parseConfig(json: Json): EvaluationConfig | undefined {
  const alpha = within(json.alpha, 1e-9, 0.5);
  const horizonMs = within(json.horizonMs, 1, yearMs);
  const minPairs = within(json.minPairs, 1, 1e9);
  const warmupMs = within(json.warmupMs, 0, yearMs);
  const blockLengthsMs = parseLengths(json.blockLengthsMs);
  const gates = isRecord(json.gates) ? parseGates(json.gates) : undefined;
  const slo = isRecord(json.slo) ? parseSlo(json.slo) : undefined;
  if (alpha === undefined || horizonMs === undefined || minPairs === undefined) return undefined;
  if (warmupMs === undefined || blockLengthsMs === undefined) return undefined;
  if (gates === undefined || slo === undefined) return undefined;
  const seed = within(json.seed, 0, 2 ** 32 - 1);
  const controlPercent = within(json.controlPercent, 0, 100);
  return evaluationConfig({
    ...{ alpha, horizonMs, minPairs, warmupMs, blockLengthsMs, slo },
    gates: { ...gates, ...parseOutputGates(json.outputs) },
    outputs: parseOutputs(json.outputs),
    ...(controlPercent === undefined ? {} : { controlPercent }),
    isSameModel: json.isSameModel === true,
    requiresAll: json.requiresAll === true,
    allowsLoadMismatch: json.allowsLoadMismatch === true,
    ...(seed === undefined ? {} : { seed }),
  });
}

function parseLengths(json: unknown): readonly number[] | undefined {
  if (!Array.isArray(json) || json.length === 0 || json.length > maxBlockLengths) return undefined;
  const lengths = json.flatMap((each) => within(each, 1, yearMs) ?? []);
  const isAscending = lengths.every((each, i) => i === 0 || each > (lengths[i - 1] ?? 0));
  return isAscending && lengths.length === json.length ? lengths : undefined;
}

function parseSlo(json: Json): EvaluationConfig["slo"] {
  const limit = (name: "ttft" | "tpot" | "e2e") => {
    const value = within(json[name], 0, yearMs);
    return value === undefined ? {} : { [name]: value };
  };
  return { ...limit("ttft"), ...limit("tpot"), ...limit("e2e") };
}

/** Unknown gates are left out. Undefined if a known one is missing or invalid. */
function parseGates(json: Json): Readonly<Record<string, GateConfig>> | undefined {
  const gates: Record<string, GateConfig> = {};
  for (const id of gateIds) {
    const gate = json[id];
    const margin = isRecord(gate) ? within(gate.margin, 0, 1_000) : undefined;
    if (!isRecord(gate) || margin === undefined || typeof gate.required !== "boolean") {
      return undefined;
    }
    gates[id] = { margin, required: gate.required };
  }
  return gates;
}

/** Settings of output gates that differ from the defaults; invalid ones are left out. */
function parseOutputGates(json: unknown): Readonly<Record<string, Partial<GateConfig>>> {
  const given = isRecord(json) && isRecord(json.gates) ? json.gates : {};
  const gates: Record<string, Partial<GateConfig>> = {};
  for (const id of outputGateIds) {
    const gate = given[id];
    if (!isRecord(gate)) continue;
    const margin = within(gate.margin, 0, 1);
    gates[id] = {
      ...(margin === undefined ? {} : { margin }),
      ...(typeof gate.required === "boolean" ? { required: gate.required } : {}),
    };
  }
  return gates;
}

/** Settings about what the answers say that differ from the defaults; invalid ones are left out. */
function parseOutputs(json: unknown): OutputSettings {
  if (!isRecord(json)) return {};
  const judge = parseJudge(json.judge);
  const { comparisonHash, mode } = json;
  const isHash = typeof comparisonHash === "string" && /^[0-9a-f]{16}$/.test(comparisonHash);
  return {
    ...(mode === "sketch" ? { mode } : {}),
    ...(judge === undefined ? {} : { judge }),
    ...parseSegments(json.segments),
    ...(isHash ? { comparisonHash } : {}),
  };
}

function parseJudge(json: unknown): JudgeTerms | undefined {
  if (!isRecord(json) || !isRecord(json.sample)) return undefined;
  const margin = within(json.margin, 0, 1);
  const [near, far] = [within(json.sample.near, 1e-6, 1), within(json.sample.far, 1e-6, 1)];
  if (margin === undefined || near === undefined || far === undefined) return undefined;
  const price = isRecord(json.pricePerMTokens) ? json.pricePerMTokens : {};
  const [prompt, completion] = [within(price.prompt, 0, 1e6), within(price.completion, 0, 1e6)];
  return {
    ...{ margin, sample: { near, far } },
    ...(typeof json.required === "boolean" ? { required: json.required } : {}),
    ...(prompt === undefined || completion === undefined
      ? {}
      : { pricePerMTokens: { prompt, completion } }),
  };
}

function parseSegments(json: unknown): OutputSettings {
  if (!isRecord(json)) return {};
  const { by, minPairs, q, effect } = json;
  const least = within(minPairs, 1, 1e9);
  const share = within(q, 1e-6, 1);
  const segments = {
    ...(Array.isArray(by) ? { by: segmentKinds.filter((kind) => by.includes(kind)) } : {}),
    ...(least === undefined ? {} : { minPairs: least }),
    ...(share === undefined ? {} : { q: share }),
  };
  const effects = effect === "warn" || effect === "hold" ? ({ effect } as const) : {};
  return { segments: { ...segments, ...effects } };
}

/** A number from `least` to `most`; otherwise undefined. */
function within(json: unknown, least: number, most: number): number | undefined {
  return typeof json === "number" && json >= least && json <= most ? json : undefined;
}
