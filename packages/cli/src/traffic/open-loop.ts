import { setTimeout as sleep } from "node:timers/promises";
import { createRandom } from "@umbra/shadow/statistics";
import { Agent } from "undici";
import type { Io } from "../io.ts";
import { progressLine } from "../progress-line.ts";
import { type ChatRequest, chatBody, drawRequest, type TrafficMix } from "./chat-request.ts";
import { type Answer, type ChatTarget, sendChat } from "./send.ts";

export interface OpenLoopOptions {
  readonly target: ChatTarget;
  readonly mix: TrafficMix;
  /** Requests per second, on average: arrivals are Poisson. */
  readonly ratePerSecond: number;
  readonly durationMs: number;
  /** Maximum concurrent requests. Requests above it are not sent, only counted. */
  readonly maxInFlight: number;
  /** The same seed produces the same traffic. */
  readonly seed: number;
  /** Formats the elapsed time in the progress line, e.g. `12 s`. */
  readonly timeText: (elapsedMs: number) => string;
  readonly io: Io;
}

export interface LoadResult {
  readonly sent: readonly SentRequest[];
  /** Requests not sent because `maxInFlight` were running. */
  readonly skipped: number;
  readonly elapsedMs: number;
}

export interface SentRequest {
  readonly request: ChatRequest;
  readonly answer: Answer;
}

/** Sends requests at scheduled times, whether or not earlier ones were answered. Such an open loop does not hide stalls. */
export async function openLoop(options: OpenLoopOptions): Promise<LoadResult> {
  const { target, durationMs, maxInFlight } = options;
  const { signal } = options.io;
  const random = createRandom(options.seed).unit;
  const http = new Agent({ connections: maxInFlight, pipelining: 1 });
  const progress = progressLine(options.io);
  const sent: SentRequest[] = [];
  const running = new Set<Promise<void>>();
  const startedMs = performance.now();
  let [count, failed, skipped, nextMs, reportedMs] = [0, 0, 0, 0, 0];

  const report = () => {
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs - reportedMs < 250) return;
    reportedMs = elapsedMs;
    const time = options.timeText(elapsedMs);
    progress.show(`${time}: ${count} sent, ${sent.length} answered, ${failed} failed`);
  };

  while (nextMs < durationMs && !signal.aborted) {
    const waitMs = startedMs + nextMs - performance.now();
    if (waitMs > 0) {
      await sleep(Math.min(waitMs, 100), undefined, { signal }).catch(() => undefined);
    }
    report();
    if (startedMs + nextMs > performance.now()) continue;
    nextMs += (-Math.log(1 - random()) / options.ratePerSecond) * 1_000;
    if (running.size >= maxInFlight) {
      skipped++;
      continue;
    }
    const request = drawRequest(options.mix, random);
    count++;
    const one = sendChat(http, target, chatBody(request), signal).then((answer) => {
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
  progress.end();
  return { sent, skipped, elapsedMs: performance.now() - startedMs };
}
