/**
 * KV blocks by the hash of their content and all blocks before them, as in vLLM's automatic prefix caching. Blocks in
 * use have reference counts. Free blocks keep their content until their memory is needed; the least recently used are
 * reused first.
 */
export interface PrefixCache {
  /** Number of leading blocks that are cached. */
  match(hashes: readonly number[]): number;
  /** Number of these blocks that are not in use yet. */
  cost(hashes: readonly number[]): number;
  /** Marks the blocks as in use. There must be room for them. */
  take(hashes: readonly number[]): void;
  /** Releases the blocks, which stay cached as free ones. */
  give(hashes: readonly number[]): void;
  /** Removes free blocks until at most `count` are left. */
  keepFree(count: number): void;
  readonly used: number;
}

export function createPrefixCache(): PrefixCache {
  const users = new Map<number, number>();
  /** Blocks that are not in use, least recently used first. */
  const free = new Set<number>();

  return {
    get used() {
      return users.size;
    },
    match(hashes) {
      let count = 0;
      for (const hash of hashes) {
        if (!users.has(hash) && !free.has(hash)) break;
        count++;
      }
      return count;
    },
    cost(hashes) {
      let count = 0;
      for (const hash of hashes) if (!users.has(hash)) count++;
      return count;
    },
    take(hashes) {
      for (const hash of hashes) {
        free.delete(hash);
        users.set(hash, (users.get(hash) ?? 0) + 1);
      }
    },
    give(hashes) {
      // Starts with the last block, so that a prompt's first block is evicted last.
      for (let i = hashes.length - 1; i >= 0; i--) {
        const hash = hashes[i] as number;
        const left = (users.get(hash) ?? 0) - 1;
        if (left > 0) {
          users.set(hash, left);
          continue;
        }
        users.delete(hash);
        free.add(hash);
      }
    },
    keepFree(count) {
      for (const hash of free) {
        if (free.size <= count) return;
        free.delete(hash);
      }
    },
  };
}
