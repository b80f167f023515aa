import { msToWait } from "../../../testing/test-deadline.ts";

/** Waits for a condition, with a limit below a test's timeout. */
export async function until(isTrue: () => Promise<boolean>, limitMs = 25_000): Promise<void> {
  const waitMs = Math.round(Math.min(limitMs, msToWait()));
  const endMs = performance.now() + waitMs;
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`not within ${waitMs} ms: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
