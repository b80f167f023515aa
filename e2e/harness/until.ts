import { setTimeout as sleep } from "node:timers/promises";
import { msToWait } from "../../testing/test-deadline.ts";

/**
 * Waits for a condition; throws with what it was when it does not come true in `timeoutMs`, or a second
 * before the running test has to end. A condition that asks a process before it listens is not true yet.
 */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const startedMs = performance.now();
  const limitMs = Math.round(Math.min(timeoutMs, msToWait()));
  while (!(await isTrueNow(isTrue))) {
    const waitedMs = performance.now() - startedMs;
    if (waitedMs > limitMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    // A question makes the other process work as well: one that is long in coming true is asked less often.
    await sleep(Math.min(200, Math.max(20, waitedMs / 20)));
  }
}

async function isTrueNow(isTrue: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await isTrue();
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code === "ECONNREFUSED") return false;
    throw cause;
  }
}
