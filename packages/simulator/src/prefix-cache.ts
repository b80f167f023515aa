/**
 * KV blocks by the hash of their content and all before it, as vLLM's automatic prefix caching keeps them: blocks in
 * use are counted, free ones keep their content until their room is needed, the least recently used first.
 */
export interface PrefixCache {
  /** How many of the first blocks are there. */
  match(hashes: readonly number[]): number;
  /** Blocks of these that a sequence would take besides those in use already. */
  cost(hashes: readonly number[]): number;
  /** Takes the blocks in use. Room for them must have been made. */
  take(hashes: readonly number[]): void;
  /** Gives them back; they stay as free ones. */
  give(hashes: readonly number[]): void;
  /** Forgets free blocks until at most `count` are left. */
  keepFree(count: number): void;
  readonly used: number;
}

export function createPrefixCache(): PrefixCache {
  const users = new Map<number, number>();
  /** Without users; the least recently used first. */
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
      // From the end: a prompt's first block is to be forgotten last.
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
