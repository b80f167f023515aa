import type { AnswerUsage, FinishReason } from "../token-event.ts";

/** Returns the value if it is an object, otherwise an empty one: model servers may violate their own schema. */
export function record(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
}

export function text(json: unknown): string {
  return typeof json === "string" ? json : "";
}

export function count(json: unknown): number | undefined {
  return typeof json === "number" && Number.isSafeInteger(json) && json >= 0 ? json : undefined;
}

export function codePoints(visible: string): number {
  let points = visible.length;
  for (let i = 0; i < visible.length; i++) {
    // The second half of a surrogate pair is not counted.
    if ((visible.charCodeAt(i) & 0xfc00) === 0xdc00) points--;
  }
  return points;
}

/** Id and model of an answer, truncated to a reasonable length. */
export function names(answer: Readonly<Record<string, unknown>>): {
  readonly id?: string;
  readonly model?: string;
} {
  return {
    ...(typeof answer.id === "string" ? { id: answer.id.slice(0, 128) } : {}),
    ...(typeof answer.model === "string" ? { model: answer.model.slice(0, 256) } : {}),
  };
}

/** Token usage; unknown values are left out. */
export function usageOf(
  promptTokens: number | undefined,
  cachedTokens: number | undefined,
  outTokens: number | undefined,
): AnswerUsage {
  return {
    ...(promptTokens === undefined ? {} : { promptTokens }),
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
    ...(outTokens === undefined ? {} : { outTokens }),
  };
}

/** Maps the finish reasons of all servers to a common one. */
export function finishReason(reason: unknown): {
  readonly finishReason?: FinishReason;
  readonly isError?: true;
} {
  const word = wordOf(reason);
  if (word === "") return {};
  const finished = { finishReason: finishReasons.get(word) ?? "other" };
  return failedFinishes.has(word) ? { ...finished, isError: true } : finished;
}

/** True if the server aborted the answer, which is then incomplete. */
export function isFailedFinish(reason: unknown): boolean {
  return failedFinishes.has(wordOf(reason));
}

/** SGLang's own API wraps the reason: `{"type": "abort", "message": …}`. */
function wordOf(reason: unknown): string {
  return text(typeof reason === "object" ? record(reason).type : reason);
}

/**
 * `abort` and `error` are finish reasons of vLLM and SGLang; `failed` and `cancelled` are states of OpenAI's responses.
 */
const failedFinishes: ReadonlySet<string> = new Set(["abort", "error", "failed", "cancelled"]);

const finishReasons: ReadonlyMap<string, FinishReason> = new Map([
  ["stop", "stop"],
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["completed", "stop"],
  ["length", "length"],
  ["max_tokens", "length"],
  ["max_output_tokens", "length"],
  ["tool_calls", "tool_calls"],
  ["function_call", "tool_calls"],
  ["tool_use", "tool_calls"],
  ["content_filter", "content_filter"],
  ["refusal", "content_filter"],
]);
