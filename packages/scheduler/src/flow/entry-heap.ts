/** Anything that can be taken out of a heap where it stands. */
export interface HeapEntry {
  /** False once it is over: it is left in place until it comes up, or until such ones are half of the heap. */
  isWaiting: boolean;
}

/** The entries that wait, the first by `isBefore` on top. Adding and taking are O(log n), taking out O(1). */
export interface EntryHeap<T extends HeapEntry> {
  push(entry: T): void;
  /** The first that waits. */
  peek(): T | undefined;
  /** An entry of this heap has just stopped waiting. */
  forget(): void;
}

const fewEntries = 64;

export function createEntryHeap<T extends HeapEntry>(
  isBefore: (a: T, b: T) => boolean,
): EntryHeap<T> {
  let heap: T[] = [];
  let over = 0;

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
        over--;
        pop();
      }
      return undefined;
    },
    forget() {
      over++;
      if (over <= fewEntries || over * 2 <= heap.length) return;
      // A heap may be rebuilt in order of its array, which keeps nearly all in place.
      const kept = heap.filter(({ isWaiting }) => isWaiting);
      heap = [];
      over = 0;
      for (const entry of kept) push(entry);
    },
  };
}
