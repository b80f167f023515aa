import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly intervalMs?: number;
}

/** Polls until the answer is neither undefined nor false. Returns undefined after `timeoutMs`. */
export async function waitUntil<T>(
  ask: () => Promise<T | undefined | false>,
  { timeoutMs, signal, intervalMs = 50 }: WaitOptions,
): Promise<T | undefined> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() >= deadline) return undefined;
    await sleep(intervalMs, undefined, signal === undefined ? {} : { signal });
  }
}
