import { Agent, request } from "undici";

/** What a client saw. */
export interface Seen {
  /** 0 when the connection broke. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly tookMs: number;
}

export interface PostOptions {
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly dispatcher?: Agent;
}

/** Posts a body; a broken connection is an answer with status 0. */
export async function post(
  origin: string,
  body: string | Buffer,
  {
    path = "/v1/chat/completions",
    host = "example.com",
    headers = {},
    signal,
    dispatcher,
  }: PostOptions = {},
): Promise<Seen> {
  const startedMs = performance.now();
  try {
    const answer = await request(`${origin}${path}`, {
      method: "POST",
      headers: { host, "content-type": "application/json", ...headers },
      body,
      signal: signal ?? AbortSignal.timeout(60_000),
      ...(dispatcher === undefined ? {} : { dispatcher }),
    });
    const text = await answer.body.text();
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text,
      tookMs: performance.now() - startedMs,
    };
  } catch (cause) {
    return { status: 0, headers: {}, text: String(cause), tookMs: performance.now() - startedMs };
  }
}

export interface ChatOptions {
  readonly model?: string;
  readonly isStream?: boolean;
  readonly maxTokens?: number;
  /** Bytes of prompt. */
  readonly promptBytes?: number;
}

export function chat({
  model = "/model/llama2",
  isStream = false,
  maxTokens = 4,
  promptBytes = 20,
}: ChatOptions = {}): string {
  return JSON.stringify({
    model,
    max_completion_tokens: maxTokens,
    ...(isStream ? { stream: true } : {}),
    messages: [{ role: "user", content: "x".repeat(promptBytes) }],
  });
}

/** Sends `count` requests with `inFlight` at a time. */
export async function postMany(
  origin: string,
  count: number,
  inFlight: number,
  body: (index: number) => string,
  onAnswer?: (seen: Seen) => void,
): Promise<Seen[]> {
  const dispatcher = new Agent({ connections: inFlight, pipelining: 1 });
  const answers: Seen[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < count) {
        const seen = await post(origin, body(next++), { dispatcher });
        answers.push(seen);
        onAnswer?.(seen);
      }
    }),
  );
  await dispatcher.destroy();
  return answers;
}
