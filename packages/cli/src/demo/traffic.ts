import type { Io } from "../io.ts";
import { type LoadResult, openLoop } from "../traffic/open-loop.ts";
import type { ChatTarget } from "../traffic/send.ts";

/** The scenario's base model, requested twice as often as each of its adapters. */
const models: readonly string[] = [
  "/model/llama2",
  "/model/llama2",
  "sql-lora",
  "sql-lora-1",
  "sql-lora-2",
  "tweet-summary",
  "tweet-summary-1",
  "tweet-summary-2",
];

/** Mixed traffic: base model and adapters, short and long prompts, three quarters of it streaming. */
export function mixedTraffic(
  target: ChatTarget,
  durationMs: number,
  seed: number,
  io: Io,
): Promise<LoadResult> {
  return openLoop({
    target,
    mix: { models, promptTokens: 200, outputTokens: 20, streamRatio: 0.75 },
    ratePerSecond: 20,
    durationMs,
    maxInFlight: 256,
    seed,
    timeText: (elapsedMs) =>
      `${Math.floor(Math.min(elapsedMs, durationMs) / 1_000)} of ${durationMs / 1_000} s`,
    io,
  });
}
