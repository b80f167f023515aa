/** Waits for a condition, with a limit below a test's timeout. */
export async function until(isTrue: () => Promise<boolean>, limitMs = 25_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
