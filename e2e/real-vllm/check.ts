/** One thing that was tried on real model servers. */
export interface Check {
  readonly name: string;
  readonly isOk: boolean;
  /** What was seen, for a person. */
  readonly seen: string;
}

/** Where requests go, and what they carry. */
export interface Target {
  /** `http://host:port`. */
  readonly origin: string;
  /** Sent as a bearer token; absent: none is sent. */
  readonly key?: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** From the first byte sent to the last byte read, in ms. */
  readonly tookMs: number;
}

/** Posts a JSON body. A broken connection is an answer with status 0. */
export async function post(
  { origin, key }: Target,
  path: string,
  body: unknown,
  timeoutMs = 300_000,
): Promise<Answer> {
  const startedMs = performance.now();
  const headers = {
    "content-type": "application/json",
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  };
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await fetch(`${origin}${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal,
    });
    const text = await answer.text();
    return { status: answer.status, text, tookMs: performance.now() - startedMs };
  } catch (cause) {
    return { status: 0, text: String(cause), tookMs: performance.now() - startedMs };
  }
}

export interface ChatBody {
  readonly model: string;
  readonly content: string;
  readonly maxTokens: number;
  readonly isStream?: boolean;
}

/** A greedy chat completion: the same request gets the same tokens. */
export function chat({ model, content, maxTokens, isStream = false }: ChatBody): unknown {
  return {
    model,
    messages: [{ role: "user", content }],
    max_completion_tokens: maxTokens,
    ignore_eos: true,
    temperature: 0,
    ...(isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}

/** What an answer says, however it was cut into chunks. */
export interface Said {
  readonly text: string;
  readonly promptTokens: number | undefined;
  readonly outputTokens: number | undefined;
}

interface Completion {
  readonly choices?: readonly {
    readonly message?: { readonly content?: string };
    readonly delta?: { readonly content?: string };
  }[];
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number };
}

/** Reads a chat completion, whole or streamed. Throws a SyntaxError where it is neither. */
export function said(answer: Answer): Said {
  const events = answer.text.startsWith("data:")
    ? answer.text
        .split("\n")
        .filter((line) => line.startsWith("data:") && !line.includes("[DONE]"))
        .map((line) => line.slice("data:".length))
    : [answer.text];
  const parts = events.map((event) => JSON.parse(event) as Completion);
  const usage = parts.findLast((part) => part.usage != null)?.usage;
  return {
    text: parts
      .map(({ choices: [first] = [] }) => first?.message?.content ?? first?.delta?.content ?? "")
      .join(""),
    promptTokens: usage?.prompt_tokens,
    outputTokens: usage?.completion_tokens,
  };
}
