import { setTimeout as sleep } from "node:timers/promises";
import { Agent } from "undici";
import { type ChatRequest, chatBody } from "./chat-request.ts";
import { type Answer, sendChat } from "./send.ts";

export interface OpenLoopOptions {
  readonly origin: string;
  readonly host?: string;
  /** Value of the `authorization` header. */
  readonly authorization?: string;
  /** Requests per second, on average: arrivals are Poisson. */
  readonly ratePerSecond: number;
  readonly durationMs: number;
  /** Requests under way at once; one that would be more is not sent, and counted. */
  readonly maxInFlight: number;
  readonly next: () => ChatRequest;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly elapsedMs: number;
  readonly sent: number;
  readonly done: number;
  readonly failed: number;
}

export interface LoadResult {
  readonly sent: readonly SentRequest[];
  /** Not sent because `maxInFlight` were under way. */
  readonly skipped: number;
  readonly elapsedMs: number;
}

export interface SentRequest {
  readonly request: ChatRequest;
  readonly answer: Answer;
}

/** Sends requests at their own times, whether or not earlier ones were answered: an open loop hides no stall. */
export async function openLoop(options: OpenLoopOptions): Promise<LoadResult> {
  const http = new Agent({ connections: options.maxInFlight, pipelining: 1 });
  const sent: SentRequest[] = [];
  const running = new Set<Promise<void>>();
  const startedMs = performance.now();
  let count = 0;
  let failed = 0;
  let skipped = 0;
  let nextMs = 0;
  let reportedMs = 0;

  const report = () => {
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs - reportedMs < 250) return;
    reportedMs = elapsedMs;
    options.onProgress?.({ elapsedMs, sent: count, done: sent.length, failed });
  };

  while (nextMs < options.durationMs && !options.signal.aborted) {
    const waitMs = startedMs + nextMs - performance.now();
    if (waitMs > 0)
      await sleep(Math.min(waitMs, 100), undefined, { signal: options.signal }).catch(
        () => undefined,
      );
    report();
    if (startedMs + nextMs > performance.now()) continue;
    nextMs += (-Math.log(1 - options.random()) / options.ratePerSecond) * 1_000;
    if (running.size >= options.maxInFlight) {
      skipped++;
      continue;
    }
    const request = options.next();
    count++;
    const { origin, host, authorization, signal } = options;
    const one = sendChat({
      http,
      origin,
      body: chatBody(request),
      signal,
      ...(host === undefined ? {} : { host }),
      ...(authorization === undefined ? {} : { authorization }),
    }).then((answer) => {
      sent.push({ request, answer });
      if (answer.status !== 200 || !answer.isComplete) failed++;
      running.delete(one);
    });
    running.add(one);
  }
  while (running.size > 0) {
    await Promise.race([...running, sleep(250)]);
    report();
  }
  await http.destroy();
  return { sent, skipped, elapsedMs: performance.now() - startedMs };
}
