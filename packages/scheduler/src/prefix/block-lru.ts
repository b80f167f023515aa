/** Block hashes that an endpoint is believed to hold, the least recently used forgotten first. */
export interface BlockLru {
  readonly size: number;
  readonly capacity: number;
  has(hash: number): boolean;
  /** Adds the hash, or makes it the newest. */
  touch(hash: number): void;
  /** Forgets the hash, where it is held. */
  forget(hash: number): void;
  /** Forgets the oldest until `count` are left. */
  shrinkTo(count: number): void;
  /** Changes how many fit; forgets the oldest of those too many. */
  resize(capacity: number): void;
}

const none = -1;
const firstSlots = 64;

/**
 * A map with open addressing over typed arrays, and a linked list through its entries: 20 bytes a block where a
 * `Map` takes 50 and more, and nothing for the garbage collector to walk. Grows up to `capacity` blocks.
 */
export function createBlockLru(capacity: number): BlockLru {
  let limit = Math.max(1, capacity);
  let slots = Math.min(firstSlots, limit);
  let hashes = new Int32Array(slots);
  let newer = new Int32Array(slots);
  let older = new Int32Array(slots);
  /** Entry by hash; twice as large as needed and a power of two. */
  let table = new Int32Array(tableSize(slots)).fill(none);
  let mask = table.length - 1;
  let size = 0;
  let newest = none;
  let oldest = none;

  /** Where the hash stands in the table, or the empty place where it would. */
  function place(hash: number): number {
    let at = hash & mask;
    for (;;) {
      const entry = table[at] as number;
      if (entry === none || hashes[entry] === hash) return at;
      at = (at + 1) & mask;
    }
  }

  function unlink(entry: number): void {
    const before = newer[entry] as number;
    const after = older[entry] as number;
    if (before === none) newest = after;
    else older[before] = after;
    if (after === none) oldest = before;
    else newer[after] = before;
  }

  function linkNewest(entry: number): void {
    newer[entry] = none;
    older[entry] = newest;
    if (newest === none) oldest = entry;
    else newer[newest] = entry;
    newest = entry;
  }

  /** Empties the place, and moves up what stands behind it by collision. */
  function vacate(from: number): void {
    let hole = from;
    let at = from;
    for (;;) {
      at = (at + 1) & mask;
      const entry = table[at] as number;
      if (entry === none) break;
      const home = (hashes[entry] as number) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      table[hole] = entry;
      hole = at;
    }
    table[hole] = none;
  }

  /** Entries are numbered without gaps: the last one takes the number of one that is gone. */
  function renumber(from: number, to: number): void {
    const hash = hashes[from] as number;
    const before = newer[from] as number;
    const after = older[from] as number;
    table[place(hash)] = to;
    hashes[to] = hash;
    newer[to] = before;
    older[to] = after;
    if (before === none) newest = to;
    else older[before] = to;
    if (after === none) oldest = to;
    else newer[after] = to;
  }

  /** Forgets the oldest block; returns its entry, free again. */
  function forgetOldest(): number {
    const entry = oldest;
    vacate(place(hashes[entry] as number));
    unlink(entry);
    size--;
    return entry;
  }

  /** Entries are renumbered from 0, oldest first. */
  function rebuild(newSlots: number): void {
    const kept = new Int32Array(size);
    for (let entry = oldest, i = 0; entry !== none; entry = newer[entry] as number, i++) {
      kept[i] = hashes[entry] as number;
    }
    slots = newSlots;
    hashes = new Int32Array(slots);
    newer = new Int32Array(slots);
    older = new Int32Array(slots);
    table = new Int32Array(tableSize(slots)).fill(none);
    mask = table.length - 1;
    size = 0;
    newest = none;
    oldest = none;
    for (const hash of kept) insert(hash, place(hash), size);
  }

  function insert(hash: number, at: number, entry: number): void {
    table[at] = entry;
    hashes[entry] = hash;
    linkNewest(entry);
    size++;
  }

  function shrinkTo(count: number): void {
    if (count >= size) return;
    while (size > Math.max(0, count)) forgetOldest();
    // The free entries lie scattered; a new one is taken from the end.
    rebuild(slots);
  }

  return {
    get size() {
      return size;
    },
    get capacity() {
      return limit;
    },
    has: (hash) => table[place(hash)] !== none,
    touch(hash) {
      const at = place(hash);
      const entry = table[at] as number;
      if (entry !== none) {
        if (entry === newest) return;
        unlink(entry);
        linkNewest(entry);
        return;
      }
      if (size === limit) {
        const free = forgetOldest();
        insert(hash, place(hash), free);
        return;
      }
      if (size === slots) rebuild(Math.min(2 * slots, limit));
      insert(hash, place(hash), size);
    },
    forget(hash) {
      const at = place(hash);
      const entry = table[at] as number;
      if (entry === none) return;
      vacate(at);
      unlink(entry);
      size--;
      if (entry !== size) renumber(size, entry);
    },
    shrinkTo,
    resize(capacity) {
      if (capacity === limit) return;
      limit = Math.max(1, capacity);
      shrinkTo(limit);
      if (slots > limit) rebuild(limit);
    },
  };
}

function tableSize(slots: number): number {
  let size = 2;
  while (size < 2 * slots) size *= 2;
  return size;
}
