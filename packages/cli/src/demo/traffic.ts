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

export interface DemoTraffic {
  readonly durationMs: number;
  /** The same seed produces the same traffic. */
  readonly seed: number;
  /** Whether every request offers a tool. */
  readonly hasTools: boolean;
}

/** Mixed traffic: base model and adapters, short and long prompts, three quarters of it streaming. */
export function mixedTraffic(
  target: ChatTarget,
  { durationMs, seed, hasTools }: DemoTraffic,
  io: Io,
): Promise<LoadResult> {
  return openLoop({
    target,
    mix: { models, promptTokens: 200, outputTokens: 20, streamRatio: 0.75, hasTools },
    ratePerSecond: 20,
    durationMs,
    maxInFlight: 256,
    seed,
    timeText: (elapsedMs) =>
      `${Math.floor(Math.min(elapsedMs, durationMs) / 1_000)} of ${durationMs / 1_000} s`,
    io,
  });
}
