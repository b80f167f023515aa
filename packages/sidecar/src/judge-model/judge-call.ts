import { type JudgeRequest, type JudgeVerdict, parseVerdict } from "@umbra/shadow/judge-model";
import { type Dispatcher, request as send } from "undici";
import { RefusedAddress } from "./judge-connections.ts";

/** Where a judge model is asked. */
export interface JudgeAddress {
  /** URL of its chat completions. */
  readonly endpoint: string;
  /** Undefined: it needs none. */
  readonly apiKey: string | undefined;
}

export interface JudgeCallOptions {
  readonly timeoutMs: number;
  /** Aborted, with a `WhyEnded`, when there must be a result. */
  readonly ending: AbortSignal;
  readonly connections: Dispatcher;
}

/** Why a pair has no verdict although nothing failed: it took too long, or the sidecar ends. */
export type WhyEnded = "timeout" | "other";

/** What became of one call. Tokens are estimated if the judge does not report them. */
export interface JudgeCall {
  readonly verdict: JudgeVerdict | undefined;
  /** Undefined if there is a verdict. */
  readonly why: "timeout" | "http" | "unparsable" | "other" | undefined;
  /** Why nothing was sent to its address; undefined unless that is so. */
  readonly refused?: string;
  readonly tokens: { readonly prompt: number; readonly completion: number };
}

const maxAnswerBytes = 65_536;
const longestRetryMs = 10_000;
const most = 10_000_000;
/** Few, so that a judge that hides its usage is not cheaper. */
const bytesPerToken = 3;

/** Asks a judge once, and once more if it asks for patience (429 with `Retry-After`). Never throws. */
export async function callJudge(
  request: JudgeRequest,
  address: JudgeAddress,
  { timeoutMs, ending, connections }: JudgeCallOptions,
): Promise<JudgeCall> {
  const body = JSON.stringify(request);
  const estimate = { prompt: Math.ceil(body.length / bytesPerToken), completion: 0 };
  const failed = (why: NonNullable<JudgeCall["why"]>, refused?: string): JudgeCall => ({
    ...{ verdict: undefined, why, tokens: estimate },
    ...(refused === undefined ? {} : { refused }),
  });
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  const end = () => late.abort();
  ending.addEventListener("abort", end, { once: true });
  try {
    if (ending.aborted) return failed(whyEnded(ending));
    const { statusCode, text } = await exchange(body, address, {
      ...{ connections, signal: late.signal },
    });
    if (statusCode !== 200) return failed("http");
    return text === undefined ? failed("unparsable") : readAnswer(text, estimate);
  } catch (cause) {
    if (ending.aborted) return failed(whyEnded(ending));
    if (late.signal.aborted) return failed("timeout");
    return cause instanceof RefusedAddress ? failed("other", cause.message) : failed("http");
  } finally {
    clearTimeout(timer);
    ending.removeEventListener("abort", end);
  }
}

interface Exchange {
  readonly connections: Dispatcher;
  readonly signal: AbortSignal;
}

interface Exchanged {
  readonly statusCode: number;
  /** Undefined if it is too long, or an error. */
  readonly text: string | undefined;
}

/** Posts once, and once more after the time that a 429 asks for. */
async function exchange(
  body: string,
  address: JudgeAddress,
  { connections, signal }: Exchange,
): Promise<Exchanged> {
  let response = await post(body, address, { connections, signal });
  const waitMs = retryAfterMs(response);
  if (waitMs !== undefined) {
    abandon(response);
    await pause(waitMs, signal);
    response = await post(body, address, { connections, signal });
  }
  const { statusCode } = response;
  if (statusCode === 200) return { statusCode, text: await boundedText(response) };
  abandon(response);
  return { statusCode, text: undefined };
}

function post(
  body: string,
  { endpoint, apiKey }: JudgeAddress,
  { connections, signal }: Exchange,
): Promise<Dispatcher.ResponseData> {
  const headers = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  // Redirects are not followed: they could lead to someone who was not named.
  return send(endpoint, { method: "POST", headers, body, signal, dispatcher: connections });
}

/** Closes the connection, whatever more would come. */
function abandon({ body }: Dispatcher.ResponseData): void {
  body.on("error", () => undefined).destroy();
}

/** Rejects when it must end. The promise itself is not ended, so it must be bounded. */
export function unlessEnded<T>(promise: Promise<T>, ending: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(new Error("aborted"));
    if (ending.aborted) stop();
    ending.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => ending.removeEventListener("abort", stop));
  });
}

export function whyEnded(ending: AbortSignal): WhyEnded {
  return ending.reason === "timeout" ? "timeout" : "other";
}

/** Undefined if another try is not asked for, or would take too long. */
function retryAfterMs({ statusCode, headers }: Dispatcher.ResponseData): number | undefined {
  const given = headers["retry-after"];
  if (statusCode !== 429 || typeof given !== "string") return undefined;
  const seconds = Number(given);
  return seconds >= 0 && seconds * 1_000 <= longestRetryMs ? seconds * 1_000 : undefined;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new Error("aborted"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** Undefined if it is too long. */
async function boundedText({ body }: Dispatcher.ResponseData): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > maxAnswerBytes) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function readAnswer(text: string, estimate: JudgeCall["tokens"]): JudgeCall {
  const json = parseCompletion(text);
  const content = json?.choices?.[0]?.message?.content;
  const verdict = typeof content === "string" ? parseVerdict(content.trim()) : undefined;
  const tokens = {
    prompt: countOf(json?.usage?.prompt_tokens) ?? estimate.prompt,
    completion: countOf(json?.usage?.completion_tokens) ?? Math.ceil(text.length / bytesPerToken),
  };
  return { verdict, why: verdict === undefined ? "unparsable" : undefined, tokens };
}

/** The members that are read. Each may be anything. */
interface Completion {
  readonly choices?: readonly ({ readonly message?: { readonly content?: unknown } } | null)[];
  readonly usage?: { readonly prompt_tokens?: unknown; readonly completion_tokens?: unknown };
}

/** Undefined if it is no JSON object. */
function parseCompletion(text: string): Completion | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? (json as Completion) : undefined;
  } catch {
    return undefined;
  }
}

function countOf(json: unknown): number | undefined {
  return typeof json === "number" && json >= 0 && json <= most ? Math.round(json) : undefined;
}
