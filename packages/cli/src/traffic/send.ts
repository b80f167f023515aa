import type { Dispatcher } from "undici";

/** The target of a client's requests. */
export interface ChatTarget {
  /** e.g. `http://127.0.0.1:8080` */
  readonly origin: string;
  readonly host?: string;
  /** Value of the `authorization` header. */
  readonly authorization?: string;
}

const timeoutMs = 120_000;

/** One chat completion, as the client saw it. */
export interface Answer {
  /** 0 if there was no answer. */
  readonly status: number;
  readonly requestId: string | undefined;
  /** The completion's `id`. */
  readonly responseId: string | undefined;
  /** Time to the first byte of the body, in ms; for a stream, the first event. */
  readonly firstByteMs: number | undefined;
  readonly totalMs: number;
  readonly isComplete: boolean;
  readonly error: string | undefined;
}

/** Sends one chat completion and reads the answer to its end. Never throws: failures are answers too. */
export async function sendChat(
  http: Dispatcher,
  { origin, ...headers }: ChatTarget,
  body: string,
  signal: AbortSignal,
): Promise<Answer> {
  const startedMs = performance.now();
  let status = 0;
  let requestId: string | undefined;
  let firstByteMs: number | undefined;
  let text = "";
  const ended = (end: Pick<Answer, "responseId" | "isComplete" | "error">): Answer => {
    return { ...end, status, requestId, firstByteMs, totalMs: performance.now() - startedMs };
  };
  try {
    const response = await http.request({
      origin,
      path: "/v1/chat/completions",
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), signal]),
    });
    status = response.statusCode;
    const id = response.headers["x-request-id"];
    requestId = typeof id === "string" ? id : id?.[0];
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      firstByteMs ??= performance.now() - startedMs;
      // The id is in the first event; the end shows whether a stream is complete.
      text =
        text.length < 4_096
          ? text + chunk.toString("latin1")
          : text.slice(0, 2_048) + chunk.toString("latin1");
    }
    const isStream = String(response.headers["content-type"] ?? "").startsWith("text/event-stream");
    return ended({
      responseId: /"id":\s*"([^"]{1,128})"/.exec(text)?.[1],
      isComplete: !isStream || text.trimEnd().endsWith("[DONE]"),
      error: undefined,
    });
  } catch (cause) {
    const error = cause instanceof Error ? cause.message : String(cause);
    return ended({ responseId: undefined, isComplete: false, error });
  }
}
