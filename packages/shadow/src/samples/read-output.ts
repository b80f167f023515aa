import { decodings } from "../compare/compared-request.ts";
import { jsonStates } from "../compare/json-answer.ts";
import { schemaStates } from "../compare/schema-check.ts";
import { scripts } from "../compare/script.ts";
import { toolLevels } from "../compare/tool-calls.ts";
import { requestShapes } from "../measure/request-kind.ts";
import { judgeFailures, type SampleJudged, verdicts } from "./judged-fields.ts";
import {
  type SampleAgreement,
  type SampleOutput,
  type SampleRequest,
  skippedAgreement,
  skipReasons,
} from "./output-fields.ts";

type Json = Readonly<Record<string, unknown>>;

/** Reads the request of a sample of any origin. Names that are not listed are null. */
export function parseRequestFields({ decode, shape, model, tools, script }: Json): SampleRequest {
  return {
    decode: named(decodings, decode),
    shape: named(requestShapes, shape),
    model: typeof model === "string" ? model.slice(0, maxModelLength) : null,
    tools: wholeNumber(tools),
    script: named(scripts, script),
  };
}

/** Reads what an answer is like. Undefined if its flags are not there: then nothing is known of it. */
export function parseOutputFields(json: Json): SampleOutput | undefined {
  const [refusal, loop] = [flag(json.refusal), flag(json.loop)];
  if (refusal === null || loop === null) return undefined;
  return {
    cut: json.cut === true,
    ...{ refusal, loop, rep4: share(json.rep4) ?? 0 },
    json: named(jsonStates, json.json),
    schema: named(schemaStates, json.schema),
    calls: wholeNumber(json.calls) ?? 0,
    toolBad: flag(json.toolBad),
    script: named(scripts, json.script),
    ppl: within(json.ppl, 0, Number.MAX_VALUE),
  };
}

/** Reads how far two answers agree. Numbers out of their ranges are null. */
export function parseAgreementFields(json: Json): SampleAgreement {
  const { why = null } = json;
  if (why !== null) return skippedAgreement(named(skipReasons, why) ?? "other");
  return {
    ...{ exact: flag(json.exact), lcp: wholeNumber(json.lcp), lcpShare: share(json.lcpShare) },
    ...{ sim: share(json.sim), jsonEqual: flag(json.jsonEqual), jsonKeys: share(json.jsonKeys) },
    ...{ tool: named(toolLevels, json.tool), toolF1: share(json.toolF1) },
    lpTokens: wholeNumber(json.lpTokens),
    lpAbs: within(json.lpAbs, 0, maxNats),
    lpDiff: within(json.lpDiff, -maxNats, maxNats),
    nearTie: flag(json.nearTie),
    why: null,
  };
}

/** Reads the verdict of a judge. Undefined if it makes no sense. */
export function parseJudgedFields(json: Json): SampleJudged | undefined {
  const pi = share(json.pi);
  if (pi === null || pi === 0) return undefined;
  const tokens = {
    promptTokens: wholeNumber(json.promptTokens),
    completionTokens: wholeNumber(json.completionTokens),
  };
  const [ab, ba] = [named(verdicts, json.ab), named(verdicts, json.ba)];
  const w = weights.find((each) => each === json.w);
  const why = named(judgeFailures, json.why);
  if (why !== null || w === undefined || ab === null || ba === null) {
    return { w: null, ab: null, ba: null, pi, ...tokens, why: why ?? "other" };
  }
  return { w, ab, ba, pi, ...tokens, why: null };
}

const weights = [0, 0.5, 1] as const;

const maxModelLength = 128;
/** More than any difference of log probabilities that a server prints. */
const maxNats = 10_000;

function named<Name extends string>(names: readonly Name[], json: unknown): Name | null {
  return names.find((name) => name === json) ?? null;
}

function flag(json: unknown): 0 | 1 | null {
  return json === 0 || json === 1 ? json : null;
}

function within(json: unknown, least: number, most: number): number | null {
  return typeof json === "number" && json >= least && json <= most ? json : null;
}

function share(json: unknown): number | null {
  return within(json, 0, 1);
}

function wholeNumber(json: unknown): number | null {
  return Number.isSafeInteger(json) ? within(json, 0, Number.MAX_SAFE_INTEGER) : null;
}
