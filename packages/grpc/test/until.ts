import { setTimeout as sleep } from "node:timers/promises";

/** Gives up without a word: what is expected next says what is missing. */
export async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 3_000;
  while (!isTrue() && performance.now() < deadline) await sleep(1);
}
