import { type LegClass, legClasses } from "../measure/leg.ts";
import { type RequestKind, requestShapes } from "../measure/request-kind.ts";
import {
  parseAgreementFields,
  parseJudgedFields,
  parseOutputFields,
  parseRequestFields,
} from "./read-output.ts";
import { type DropReason, dropReasons, type Sample, type SampleLeg } from "./sample.ts";

/** One line of a samples file. */
export type SampleLine =
  | { readonly ok: true; readonly sample: Sample }
  | { readonly ok: false; readonly problem: string };

/** Parses a line of any origin. Unknown fields are ignored; missing or invalid numbers are null. */
export function parseSample(line: string): SampleLine {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return broken("not JSON");
  }
  if (!isRecord(json)) return broken("not a JSON object");
  if (json.v !== 1) return broken("`v` must be 1");
  const { id, t0, route, candidate, mirrored } = json;
  if (typeof id !== "string" || id === "") return broken("`id` must be a string");
  if (typeof t0 !== "number" || !Number.isFinite(t0) || t0 < 0 || t0 > maxEpochMs) {
    return broken("`t0` must be milliseconds since 1970");
  }
  if (typeof route !== "string" || typeof candidate !== "string") {
    return broken("`route` and `candidate` must be strings");
  }
  if (typeof mirrored !== "boolean") return broken("`mirrored` must be true or false");
  const primary = parseLeg(json.primary);
  if (primary === undefined) return broken("`primary` must be an object");
  const shadow = json.shadow === null || json.shadow === undefined ? null : parseLeg(json.shadow);
  if (shadow === undefined) return broken("`shadow` must be an object or null");
  const drop = dropReasons.find((reason): reason is DropReason => reason === json.drop) ?? null;
  return {
    ok: true,
    sample: {
      v: 1,
      id,
      t0,
      route: route.slice(0, maxNameLength),
      candidate: candidate.slice(0, maxNameLength),
      mirrored,
      drop,
      session: typeof json.session === "string" ? json.session.slice(0, maxNameLength) : null,
      primary,
      shadow,
      ...(json.unsent === true ? { unsent: true } : {}),
      ...(json.unmeasured === true ? { unmeasured: true } : {}),
      lag: typeof json.lag === "number" && Number.isFinite(json.lag) ? json.lag : null,
      ...(isRecord(json.request) ? { request: parseKind(json.request) } : {}),
      ...(isRecord(json.req) ? { req: parseRequestFields(json.req) } : {}),
      ...(isRecord(json.cmp) ? { cmp: parseAgreementFields(json.cmp) } : {}),
      ...parseJudged(json.judged),
    },
  };
}

/** Largest time of a `Date`. */
const maxEpochMs = 8_640_000_000_000_000;
const maxNameLength = 512;

function broken(problem: string): SampleLine {
  return { ok: false, problem };
}

/** True for a JSON object. */
export function isRecord(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function parseKind(json: Readonly<Record<string, unknown>>): RequestKind {
  return {
    model: name(json.model, 128),
    path: name(json.path, 64),
    shape: requestShapes.find((shape) => shape === json.shape) ?? null,
    priority: name(json.priority, 32),
  };
}

function parseLeg(json: unknown): SampleLeg | undefined {
  if (!isRecord(json)) return undefined;
  const { stream, tokenSource } = json;
  return {
    status: number(json.status),
    class: legClasses.find((name): name is LegClass => name === json.class) ?? null,
    stream: typeof stream === "boolean" ? stream : null,
    ttft: number(json.ttft),
    ttfo: number(json.ttfo),
    tpot: number(json.tpot),
    e2e: number(json.e2e),
    outTokens: number(json.outTokens),
    tokenSource: tokenSource === "usage" || tokenSource === "chunks" ? tokenSource : null,
    outChars: number(json.outChars),
    promptTokens: number(json.promptTokens),
    cachedTokens: number(json.cachedTokens),
    promptBytes: number(json.promptBytes),
    finish: name(json.finish, 32),
    endpoint: name(json.endpoint, 64),
    attempts: number(json.attempts),
    tpoc: number(json.tpoc),
    stall: number(json.stall),
    ...(json.cut === undefined ? {} : { cut: number(json.cut) }),
    ...parseOutput(json.out),
  };
}

function parseJudged(json: unknown): Pick<Sample, "judged"> {
  const judged = isRecord(json) ? parseJudgedFields(json) : undefined;
  return judged === undefined ? {} : { judged };
}

function parseOutput(json: unknown): Pick<SampleLeg, "out"> {
  const out = isRecord(json) ? parseOutputFields(json) : undefined;
  return out === undefined ? {} : { out };
}

/** A finite number of at least 0, otherwise null. */
function number(json: unknown): number | null {
  return typeof json === "number" && Number.isFinite(json) && json >= 0 ? json : null;
}

function name(json: unknown, maxLength: number): string | null {
  return typeof json === "string" ? json.slice(0, maxLength) : null;
}
