/** Time that jumps from event to event; events of one moment run in the order in which they were scheduled. */
export interface VirtualClock {
  /** In ms. */
  now(): number;
  schedule(run: () => void, afterMs: number): void;
  /** Runs events until `endMs`, or until there is none. */
  runUntil(endMs: number): void;
}

interface Event {
  readonly atMs: number;
  readonly serial: number;
  readonly run: () => void;
}

export function createVirtualClock(): VirtualClock {
  /** A binary heap. */
  const heap: Event[] = [];
  let nowMs = 0;
  let serial = 0;

  const isBefore = (a: Event, b: Event) =>
    a.atMs < b.atMs || (a.atMs === b.atMs && a.serial < b.serial);

  function push(event: Event): void {
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  function pop(): Event {
    const first = heap[0] as Event;
    const last = heap.pop() as Event;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) {
        child++;
      }
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  return {
    now: () => nowMs,
    schedule: (run, afterMs) => push({ atMs: nowMs + Math.max(0, afterMs), serial: serial++, run }),
    runUntil(endMs) {
      for (let next = heap[0]; next !== undefined && next.atMs <= endMs; next = heap[0]) {
        const { atMs, run } = pop();
        nowMs = atMs;
        run();
      }
      nowMs = endMs;
    },
  };
}
