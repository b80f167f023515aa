import type { AnswerContent, AnswerPart, CalledTool } from "./answer-content.ts";
import { firstTool, type OfferedTool } from "./offered-tool.ts";

/** The parameters of a completion request. */
export interface CompletionRequest {
  readonly kind: "chat" | "completion";
  readonly model: string;
  readonly isStream: boolean;
  readonly hasStreamUsage: boolean;
  /** Estimated at four bytes per token. */
  readonly promptTokens: number;
  readonly maxTokens: number | undefined;
  /** The first tool that is offered, which the answer calls. */
  readonly tool: OfferedTool | undefined;
  /** Makes the answer repeatable. */
  readonly seed: number | undefined;
  /** How many of the likeliest tokens to list at each place; undefined: no log probabilities. */
  readonly topLogprobs: number | undefined;
}

/** An error in vLLM's format. */
export interface ApiError {
  readonly status: number;
  readonly message: string;
  readonly type: string;
}

/**
 * Reads the body of a chat completion or completion.
 *
 * @param ownModel serves requests that name no model, as in vLLM
 */
export function readCompletion(
  kind: CompletionRequest["kind"],
  body: string,
  ownModel: string,
): CompletionRequest | ApiError {
  let json: unknown;
  try {
    json = JSON.parse(body.replace(/^\ufeff/, ""));
  } catch {
    return badRequest("the body is not valid JSON");
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return badRequest("the body must be a JSON object");
  }
  const fields = json as Readonly<Record<string, unknown>>;
  const model = fields.model === undefined || fields.model === null ? "" : fields.model;
  if (typeof model !== "string") return badRequest("`model` must be a string");
  const prompt = kind === "chat" ? fields.messages : fields.prompt;
  if (
    kind === "chat" ? !Array.isArray(prompt) : typeof prompt !== "string" && !Array.isArray(prompt)
  ) {
    return badRequest(kind === "chat" ? "`messages` must be a list" : "`prompt` is missing");
  }
  const options = fields.stream_options as { include_usage?: unknown } | undefined;
  const limit = fields.max_completion_tokens ?? fields.max_tokens;
  const isLimit = Number.isInteger(limit) && Number(limit) >= 1;
  if (limit !== undefined && limit !== null && !isLimit) {
    return badRequest("`max_tokens` must be at least 1");
  }
  return {
    kind,
    model: model === "" ? ownModel : model,
    isStream: fields.stream === true,
    hasStreamUsage: options?.include_usage === true,
    promptTokens: Math.max(1, Math.ceil(textBytes(prompt) / 4)),
    maxTokens: typeof limit === "number" ? limit : undefined,
    seed: Number.isInteger(fields.seed) ? Number(fields.seed) : undefined,
    topLogprobs:
      kind === "chat" && fields.logprobs === true ? topOf(fields.top_logprobs) : undefined,
    tool: kind === "chat" && fields.tool_choice !== "none" ? firstTool(fields.tools) : undefined,
  };
}

/** As in the API, at most 20. */
function topOf(top: unknown): number {
  return typeof top === "number" && top > 0 ? Math.min(20, Math.floor(top)) : 0;
}

export function badRequest(message: string): ApiError {
  return { status: 400, message, type: "BadRequestError" };
}

export function notFound(message: string): ApiError {
  return { status: 404, message, type: "NotFoundError" };
}

/** Bytes of all text in a prompt of any shape. */
function textBytes(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (typeof value !== "object" || value === null) return 0;
  let bytes = 0;
  for (const part of Object.values(value)) bytes += textBytes(part);
  return bytes;
}

export interface AnswerHead {
  readonly id: string;
  readonly model: string;
  readonly created: number;
  readonly kind: CompletionRequest["kind"];
  /** Log probabilities of a token; undefined if they are not asked for. */
  readonly logprobOf?: (token: AnswerPart) => object;
}

/** A stream event with one token, the role, or the end. */
export function streamEvent(
  head: AnswerHead,
  part: {
    readonly role?: "assistant";
    readonly token?: AnswerPart;
    readonly finishReason?: string;
  },
): string {
  const { role, token = {}, finishReason = null } = part;
  const content =
    head.kind === "chat"
      ? { delta: { ...(role && { role }), ...deltaOf(token) } }
      : { text: token.text ?? "" };
  const logprobs = logprobsOf(head, token.text === undefined ? [] : [token]);
  return data({ ...envelope(head, true), choices: [choice(content, finishReason, logprobs)] });
}

export function usageEvent(head: AnswerHead, promptTokens: number, outputTokens: number): string {
  return data({ ...envelope(head, true), choices: [], usage: usage(promptTokens, outputTokens) });
}

/** The complete answer of a request that does not stream. */
export function wholeAnswer(
  head: AnswerHead,
  request: CompletionRequest,
  answer: AnswerContent,
): string {
  const { text, toolCall, finishReason } = answer;
  const message =
    toolCall === undefined
      ? { role: "assistant", content: text }
      : { role: "assistant", content: null, tool_calls: [calledTool(toolCall)] };
  const content = head.kind === "chat" ? { message } : { text };
  return JSON.stringify({
    ...envelope(head, false),
    choices: [choice(content, finishReason, logprobsOf(head, answer.tokens))],
    usage: usage(request.promptTokens, answer.tokens.length),
  });
}

function deltaOf({ text, toolCall }: AnswerPart): object {
  if (toolCall === undefined) return { content: text ?? "" };
  const { name, args } = toolCall;
  return { tool_calls: [name === "" ? continuedCall(args) : calledTool({ name, args })] };
}

function calledTool({ name, args }: CalledTool): object {
  const id = "chatcmpl-tool-0";
  return { index: 0, id, type: "function", function: { name, arguments: args } };
}

function continuedCall(args: string): object {
  return { index: 0, function: { arguments: args } };
}

/** Tool calls have none. */
function logprobsOf({ logprobOf }: AnswerHead, tokens: readonly AnswerPart[]): object | null {
  const texts = tokens.filter(({ text }) => text !== undefined);
  return logprobOf === undefined || texts.length === 0 ? null : { content: texts.map(logprobOf) };
}

function choice(content: object, finishReason: string | null, logprobs: object | null) {
  return { index: 0, ...content, logprobs, finish_reason: finishReason };
}

function envelope({ id, model, created, kind }: AnswerHead, isStream: boolean) {
  const chat = isStream ? "chat.completion.chunk" : "chat.completion";
  return {
    id,
    object: kind === "chat" ? chat : "text_completion",
    created,
    model,
    system_fingerprint: "umbra-simulator",
  };
}

function usage(promptTokens: number, completionTokens: number) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

function data(json: object): string {
  return `data: ${JSON.stringify(json)}\n\n`;
}
