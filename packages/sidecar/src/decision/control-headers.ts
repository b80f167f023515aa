import type { Headers } from "@umbra/ext-proc";

/** Headers by which clients steer the reference endpoint picker: each with its older name, the newer one counts. */
type ControlHeader = readonly [name: string, alias: string];

/** The tenant that a queue gives its turn. */
export const fairnessHeader: ControlHeader = [
  "x-llm-d-inference-fairness-id",
  "x-gateway-inference-fairness-id",
];
/** Names the InferenceObjective that says the request's priority. */
export const objectiveHeader: ControlHeader = [
  "x-llm-d-inference-objective",
  "x-gateway-inference-objective",
];
/** The model's name for the endpoint, where no rewrite of the pool gives it another. */
export const modelRewriteHeader: ControlHeader = [
  "x-llm-d-model-name-rewrite",
  "x-gateway-model-name-rewrite",
];
/** Within how many ms the first token is wanted. */
export const ttftHeader: ControlHeader = ["x-llm-d-slo-ttft-ms", "x-slo-ttft-ms"];
/** How many ms a token may take. */
export const tpotHeader: ControlHeader = ["x-llm-d-slo-tpot-ms", "x-slo-tpot-ms"];

export function controlHeader(headers: Headers, [name, alias]: ControlHeader): string | undefined {
  return headers.get(name) ?? headers.get(alias);
}

/** A day: what is longer is no objective. */
const longestMs = 86_400_000;

/** A time that the client wants kept, in ms; undefined where it names none that makes sense. */
export function wantedMs(headers: Headers, header: ControlHeader): number | undefined {
  const text = controlHeader(headers, header);
  if (text === undefined || text.length > 16 || text.trim() === "") return undefined;
  const ms = Number(text);
  return ms >= 0 && ms <= longestMs ? ms : undefined;
}
