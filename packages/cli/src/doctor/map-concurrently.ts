/** Processes the items with limited concurrency. Returns undefined for items that had not started when `deadlineMs` passed. */
export async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  { atOnce, deadlineMs }: { readonly atOnce: number; readonly deadlineMs: number },
  work: (item: Item) => Promise<Result>,
): Promise<readonly (Result | undefined)[]> {
  const results: (Result | undefined)[] = items.map(() => undefined);
  const endMs = performance.now() + deadlineMs;
  let next = 0;
  const worker = async () => {
    while (next < items.length && performance.now() < endMs) {
      const index = next++;
      results[index] = await work(items[index] as Item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}
