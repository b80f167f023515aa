import type { Io } from "../io.ts";
import { progressLine } from "../progress-line.ts";
import { type LoadResult, openLoop } from "../traffic/open-loop.ts";
import { oneOf, seededRandom, skewedLength } from "../traffic/random.ts";

/** The scenario's base model, twice as often as each of its adapters. */
const models: readonly [string, ...string[]] = [
  "/model/llama2",
  "/model/llama2",
  "sql-lora",
  "sql-lora-1",
  "sql-lora-2",
  "tweet-summary",
  "tweet-summary-1",
  "tweet-summary-2",
];

/** Mixed traffic: base model and adapters, short and long, three quarters of it streamed. */
export async function mixedTraffic(
  origin: string,
  host: string,
  durationMs: number,
  seed: number,
  io: Io,
): Promise<LoadResult> {
  const random = seededRandom(seed);
  const progress = progressLine(io);
  const result = await openLoop({
    origin,
    host,
    ratePerSecond: 20,
    durationMs,
    maxInFlight: 256,
    random,
    signal: io.signal,
    next: () => ({
      model: oneOf(models, random),
      promptTokens: skewedLength(200, random),
      outputTokens: skewedLength(20, random),
      isStream: random() < 0.75,
    }),
    onProgress: ({ elapsedMs, sent, done, failed }) =>
      progress.show(
        `${(Math.min(elapsedMs, durationMs) / 1_000) | 0} of ${durationMs / 1_000} s: ${sent} sent, ${done} answered, ${failed} failed`,
      ),
  });
  progress.end();
  return result;
}
