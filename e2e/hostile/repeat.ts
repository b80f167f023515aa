import { setTimeout as sleep } from "node:timers/promises";

/** Calls repeatedly until the signal aborts: each begins `everyMs` after the one before, and some are waited for. */
export async function repeat(
  everyMs: number,
  signal: AbortSignal,
  once: (index: number) => Promise<unknown>,
): Promise<void> {
  const under = new Set<Promise<unknown>>();
  for (let i = 0; !signal.aborted; i++) {
    if (under.size < mostUnderWay) {
      const one = once(i)
        .catch(() => {})
        .finally(() => under.delete(one));
      under.add(one);
    }
    await sleep(everyMs, undefined, { signal }).catch(() => {});
  }
  await Promise.race([Promise.all(under), sleep(longestMs, undefined, { ref: false })]);
}

/** Waits until the signal aborts. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  await sleep(longestMs, undefined, { signal, ref: false }).catch(() => {});
}

const mostUnderWay = 64;
const longestMs = 60_000;
