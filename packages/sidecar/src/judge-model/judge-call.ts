import { type JudgeRequest, type JudgeVerdict, parseVerdict } from "@umbra/shadow/judge-model";

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
}

/** Why a pair has no verdict although nothing failed: it took too long, or the sidecar ends. */
export type WhyEnded = "timeout" | "other";

/** What became of one call. Tokens are estimated if the judge does not report them. */
export interface JudgeCall {
  readonly verdict: JudgeVerdict | undefined;
  /** Undefined if there is a verdict. */
  readonly why: "timeout" | "http" | "unparsable" | "other" | undefined;
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
  options: JudgeCallOptions,
): Promise<JudgeCall> {
  const body = JSON.stringify(request);
  const estimate = { prompt: Math.ceil(body.length / bytesPerToken), completion: 0 };
  const { timeoutMs, ending } = options;
  const signal = AbortSignal.any([ending, AbortSignal.timeout(timeoutMs)]);
  const failed = (why: NonNullable<JudgeCall["why"]>): JudgeCall => ({
    ...{ verdict: undefined, why, tokens: estimate },
  });
  try {
    let response = await post(body, address, signal);
    const waitMs = retryAfterMs(response);
    if (waitMs !== undefined) {
      await response.body?.cancel();
      await pause(waitMs, signal);
      response = await post(body, address, signal);
    }
    if (!response.ok) {
      await response.body?.cancel();
      return failed("http");
    }
    const text = await boundedText(response);
    return text === undefined ? failed("unparsable") : readAnswer(text, estimate);
  } catch {
    if (ending.aborted) return failed(whyEnded(ending));
    return failed(signal.aborted ? "timeout" : "http");
  }
}

/** Rejects when it must end. The promise itself is not ended, so it must be bounded. */
export function unlessEnded<T>(promise: Promise<T>, ending: AbortSignal): Promise<T> {
  if (ending.aborted) return Promise.reject(new Error("aborted"));
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(new Error("aborted"));
    ending.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => ending.removeEventListener("abort", stop));
  });
}

export function whyEnded(ending: AbortSignal): WhyEnded {
  return ending.reason === "timeout" ? "timeout" : "other";
}

function post(
  body: string,
  { endpoint, apiKey }: JudgeAddress,
  signal: AbortSignal,
): Promise<Response> {
  const headers = {
    "content-type": "application/json",
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  // A redirect could lead to someone who was not named.
  return fetch(endpoint, { method: "POST", headers, body, signal, redirect: "error" });
}

/** Undefined if another try is not asked for, or would take too long. */
function retryAfterMs(response: Response): number | undefined {
  if (response.status !== 429) return undefined;
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
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
async function boundedText({ body }: Response): Promise<string | undefined> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
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
