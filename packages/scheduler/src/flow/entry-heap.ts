/** An entry of a heap that can end before it reaches the top. */
export interface HeapEntry {
  /**
   * False once the wait is over. The entry stays in the heap until it reaches the top or until ended entries are half
   * of the heap.
   */
  isWaiting: boolean;
}

/** A heap of waiting entries, ordered by `isBefore`. Adding and taking are O(log n), ending an entry is O(1). */
export interface EntryHeap<T extends HeapEntry> {
  push(entry: T): void;
  /** Returns the first waiting entry. */
  peek(): T | undefined;
  /** Must be called after an entry of this heap stopped waiting. */
  noteEnded(): void;
}

const fewEntries = 64;

export function createEntryHeap<T extends HeapEntry>(
  isBefore: (a: T, b: T) => boolean,
): EntryHeap<T> {
  let heap: T[] = [];
  let ended = 0;

  function push(entry: T): void {
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent] as T)) break;
      heap[at] = heap[parent] as T;
      at = parent;
    }
    heap[at] = entry;
  }

  function pop(): void {
    const last = heap.pop() as T;
    if (heap.length === 0) return;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const right = child + 1;
      if (right < heap.length && isBefore(heap[right] as T, heap[child] as T)) child = right;
      if (!isBefore(heap[child] as T, last)) break;
      heap[at] = heap[child] as T;
      at = child;
    }
    heap[at] = last;
  }

  return {
    push,
    peek() {
      for (let first = heap[0]; first !== undefined; first = heap[0]) {
        if (first.isWaiting) return first;
        ended--;
        pop();
      }
      return undefined;
    },
    noteEnded() {
      ended++;
      if (ended <= fewEntries || ended * 2 <= heap.length) return;
      // Re-adding entries in array order keeps nearly all of them in place.
      const kept = heap.filter(({ isWaiting }) => isWaiting);
      heap = [];
      ended = 0;
      for (const entry of kept) push(entry);
    },
  };
}
