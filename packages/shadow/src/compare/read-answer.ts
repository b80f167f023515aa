import type { Answer } from "./answer.ts";
import { isJsonObject, type Json } from "./canonical-json.ts";
import { contentText } from "./content-text.ts";
import type { TokenLogprob } from "./log-probabilities.ts";
import type { ToolCall } from "./tool-calls.ts";

/** A recorded answer, or the problem with it. The problem never contains text of the answer. */
export type ReadAnswer =
  | { readonly ok: true; readonly id: AnswerId | undefined; readonly answer: Answer }
  | { readonly ok: false; readonly problem: string };

/** Id of the answered request. `isOwn`: the client chose it, so other answers may share it. */
export interface AnswerId {
  readonly text: string;
  readonly isOwn: boolean;
}

/** Ids are kept until the end of a comparison. */
export const maxIdLength = 1_024;
export const longId = "its id is longer than 1,024 characters";

type Members = Readonly<Record<string, Json>>;

/**
 * Reads a recorded answer: a response of OpenAI's chat completions or completions, a message of Anthropic's API, a line
 * of a batch's output (`custom_id` and `response.body`), or `{ "id": …, "text": … }`. Reads only the first choice.
 */
export function readAnswer(json: Json): ReadAnswer {
  if (!isJsonObject(json)) return broken("not a JSON object");
  const { custom_id: customId, response } = json;
  if (isJsonObject(response)) {
    if (!isJsonObject(response.body)) return broken("`response.body` is not an object");
    return withId(answerOf(response.body), ownId(customId));
  }
  const isOwn = typeof json.text === "string" && !Array.isArray(json.choices);
  const id = ownId(json.id);
  return withId(answerOf(json), ownId(customId) ?? (id === undefined ? id : { ...id, isOwn }));
}

function broken(problem: string): ReadAnswer {
  return { ok: false, problem };
}

function withId(answer: Answer | undefined, id: AnswerId | undefined): ReadAnswer {
  if (id !== undefined && id.text.length > maxIdLength) return broken(longId);
  if (answer === undefined) return broken("no answer: expected `choices`, `content` or `text`");
  return { ok: true, id, answer };
}

/** An id that the client chose: a number, or a text that is not empty. */
export function ownId(json: Json): AnswerId | undefined {
  const isNumber = typeof json === "number" && Number.isFinite(json);
  const isText = typeof json === "string" && json !== "";
  return isNumber || isText ? { text: String(json), isOwn: true } : undefined;
}

function answerOf(json: Members): Answer | undefined {
  if (Array.isArray(json.choices)) return choiceAnswer((json.choices as readonly Json[])[0]);
  if (Array.isArray(json.content)) return anthropicAnswer(json);
  if (typeof json.text !== "string") return undefined;
  return { text: json.text, ...finishOf(json.finish_reason), ...toolCallsOf(json.tool_calls) };
}

/** A choice of OpenAI's API. In completions it has a text instead of a message. */
function choiceAnswer(choice: Json): Answer | undefined {
  if (!isJsonObject(choice)) return undefined;
  const message = isJsonObject(choice.message) ? choice.message : undefined;
  if (message === undefined && typeof choice.text !== "string") return undefined;
  const { content = choice.text, tool_calls: toolCalls, refusal } = message ?? {};
  return {
    text: contentText(content),
    ...toolCallsOf(toolCalls),
    ...(typeof refusal === "string" && refusal !== "" ? { hasRefusal: true } : {}),
    ...finishOf(choice.finish_reason),
    ...logprobsOf(choice.logprobs),
  };
}

function finishOf(reason: Json): Pick<Answer, "finishReason"> {
  return typeof reason === "string" ? { finishReason: reason } : {};
}

function toolCallsOf(json: Json): Pick<Answer, "toolCalls"> {
  if (!Array.isArray(json)) return {};
  const toolCalls: ToolCall[] = [];
  for (const call of json as readonly Json[]) {
    const tool = isJsonObject(call) && isJsonObject(call.function) ? call.function : undefined;
    if (tool === undefined) continue;
    const { name, arguments: args } = tool;
    toolCalls.push({
      name: typeof name === "string" ? name : "",
      arguments: argumentsText(args),
    });
  }
  return { toolCalls };
}

/** Text parts are the answer; thinking is not. Tool calls have their arguments as JSON. */
function anthropicAnswer({ content, stop_reason: reason }: Members): Answer {
  const parts = (content as readonly Json[]).filter(isJsonObject);
  return {
    text: contentText(parts.filter(({ type }) => type === "text")),
    toolCalls: parts
      .filter(({ type }) => type === "tool_use")
      .map(({ name, input }) => ({
        name: typeof name === "string" ? name : "",
        arguments: jsonText(input),
      })),
    ...finishOf(reason),
  };
}

/** JSON as text; some servers write it as JSON. */
export function argumentsText(json: Json): string {
  if (typeof json === "string") return json;
  return json === null ? "" : jsonText(json);
}

/** Arguments that are nested too deep to be written count as invalid JSON. */
function jsonText(json: Json): string {
  try {
    return JSON.stringify(json) ?? "";
  } catch {
    return "{";
  }
}

/** Token lists of chat completions. */
export function logprobsOf(json: Json): Pick<Answer, "logprobs"> {
  if (!isJsonObject(json) || !Array.isArray(json.content)) return {};
  const tokens = (json.content as readonly Json[]).map(tokenOf);
  return tokens.includes(undefined)
    ? {}
    : { logprobs: tokens.filter((token) => token !== undefined) };
}

function tokenOf(json: Json): TokenLogprob | undefined {
  if (!isJsonObject(json)) return undefined;
  const { token, logprob, top_logprobs: top } = json;
  if (typeof token !== "string" || !isLogprob(logprob)) return undefined;
  const others = Array.isArray(top) ? (top as readonly Json[]).map(likelyOf) : [];
  return { token, logprob, top: others.filter((other) => other !== undefined) };
}

function likelyOf(json: Json): TokenLogprob["top"][number] | undefined {
  if (!isJsonObject(json)) return undefined;
  const { token, logprob } = json;
  return typeof token === "string" && isLogprob(logprob) ? { token, logprob } : undefined;
}

/** JSON may have numbers beyond the range of a double. */
function isLogprob(json: Json): json is number {
  return Number.isFinite(json);
}
