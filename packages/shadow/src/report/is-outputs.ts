import type { ReportOutputs } from "./report-outputs.ts";

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isNumber: Check = (value) => typeof value === "number";
const isText: Check = (value) => typeof value === "string";
const isNumberOrNull: Check = (value) => value === null || isNumber(value);
const isShares: Check = (value) => isFields(value) && Object.values(value).every(isNumber);

function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

function orAbsent(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

function pairOf(first: Check, second: Check): Check {
  return (value) => Array.isArray(value) && first(value[0]) && second(value[1]);
}

function objectOf(checks: Readonly<Record<string, Check>>): Check {
  return (value) =>
    isFields(value) && Object.entries(checks).every(([name, check]) => check(value[name]));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const laneOutputs = objectOf({
  ...{ refusal: isNumberOrNull, loop: isNumberOrNull, json_bad: isNumberOrNull },
  ...{ tool_bad: isNumberOrNull, script_bad: isNumberOrNull, chars_p50: isNumberOrNull },
});

const agreement = objectOf({
  ...{ bucket: isText, n: isNumber, exact: isNumber, exact_floor: isNumberOrNull },
  ...{ lcp_p50: isNumber, sim: isNumber, sim_floor: isNumberOrNull },
  sim_n: orAbsent(isNumber),
});

const judge = objectOf({
  ...{ pairs: isNumber, calls: isNumber, prompt_tokens: isNumber, completion_tokens: isNumber },
  ...{ cost_usd: isNumberOrNull, win: isNumberOrNull, tie: isNumberOrNull, loss: isNumberOrNull },
  ...{ mu: isNumberOrNull, lower: isNumberOrNull, upper: isNumberOrNull },
  ...{ consistency: isNumberOrNull, first_place: isNumberOrNull, mu_same_length: isNumberOrNull },
  ...{ control_mu: isNumberOrNull, not_judged: isShares },
});

const perplexity = objectOf({
  ...{ n: isNumber, primary: isNumberOrNull, shadow: isNumberOrNull, control: orAbsent(isNumber) },
  ratio: orNull(objectOf({ to: isText, n: isNumber, value: isNumber })),
});

const outputs = objectOf({
  mode: orAbsent((value) => value === "sketch"),
  ...{ compared: isNumber, coverage: isNumber, skipped: isShares, cut: isNumber },
  floor: orNull(objectOf({ pool: isText, triples: isNumber })),
  agreement: listOf(agreement),
  lanes: objectOf({ primary: laneOutputs, shadow: laneOutputs, control: orAbsent(laneOutputs) }),
  tools: orNull(objectOf({ n: isNumber, levels: listOf(pairOf(isText, isNumber)) })),
  divergence: listOf(pairOf(isNumber, isNumber)),
  divergence_floor: orAbsent(listOf(pairOf(isNumber, isNumber))),
  logprob: orNull(
    objectOf({
      ...{ n: isNumber, abs: isNumberOrNull, diff: isNumberOrNull, near_tie: isNumberOrNull },
      floor: orAbsent(
        objectOf({
          ...{ triples: isNumber, abs: isNumberOrNull, near_tie: isNumberOrNull },
          excess: isNumberOrNull,
        }),
      ),
    }),
  ),
  perplexity: orAbsent(perplexity),
  judge: orAbsent(judge),
});

/** True if the JSON has every number that the renderings of outputs read. */
export function isOutputs(json: unknown): json is ReportOutputs {
  return outputs(json);
}
