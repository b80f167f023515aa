/** Waits for a condition, for less than a test may take. */
export async function until(isTrue: () => Promise<boolean>, limitMs = 25_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
