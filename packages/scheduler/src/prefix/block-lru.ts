/** Hashes of the blocks an endpoint probably holds. The least recently used ones are evicted first. */
export interface BlockLru {
  readonly size: number;
  readonly capacity: number;
  has(hash: number): boolean;
  /** Adds the hash or marks it as the newest. */
  touch(hash: number): void;
  /** Removes the hash if present. */
  delete(hash: number): void;
  /** Removes the oldest until `count` are left. */
  shrinkTo(count: number): void;
  /** Changes the capacity and removes the oldest hashes beyond it. */
  resize(capacity: number): void;
}

const none = -1;
const firstSlots = 64;

/**
 * Creates an open-addressing map over typed arrays with a linked list through its entries. It takes 20 bytes per block,
 * where a `Map` takes 50 or more, and the garbage collector has nothing to traverse. Grows up to `capacity` blocks.
 */
export function createBlockLru(capacity: number): BlockLru {
  let limit = Math.max(1, capacity);
  let slots = Math.min(firstSlots, limit);
  let hashes = new Int32Array(slots);
  let newer = new Int32Array(slots);
  let older = new Int32Array(slots);
  /** Maps a hash to its entry. At least twice as large as needed, and a power of two. */
  let table = new Int32Array(tableSize(slots)).fill(none);
  let mask = table.length - 1;
  let size = 0;
  let newest = none;
  let oldest = none;

  /** Index of the hash in the table, or of the empty slot where it would go. */
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

  /** Empties the slot and moves up later entries that collided with it. */
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

  /** Moves an entry, so that entries are numbered without gaps after a removal. */
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

  /** Removes the oldest block and returns its entry for reuse. */
  function removeOldest(): number {
    const entry = oldest;
    vacate(place(hashes[entry] as number));
    unlink(entry);
    size--;
    return entry;
  }

  /** Reallocates the arrays and renumbers the entries from 0, oldest first. */
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
    while (size > Math.max(0, count)) removeOldest();
    // Free entries are scattered, but new ones are taken from the end.
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
        const free = removeOldest();
        insert(hash, place(hash), free);
        return;
      }
      if (size === slots) rebuild(Math.min(2 * slots, limit));
      insert(hash, place(hash), size);
    },
    delete(hash) {
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
