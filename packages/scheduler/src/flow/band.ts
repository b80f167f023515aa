import { createEntryHeap, type EntryHeap, type HeapEntry } from "./entry-heap.ts";
import type { BandLimits, FlowRequest } from "./types.ts";

export interface Entry extends HeapEntry {
  readonly request: FlowRequest;
  readonly band: Band;
  /** Serial number of arrival. */
  readonly serial: number;
  readonly enqueuedMs: number;
  readonly expiresMs: number;
  /** Tries to place the request. Returns true if its wait is over. */
  readonly tryTake: () => boolean;
  readonly reject: (
    code: "EVICTED" | "TTL_EXPIRED" | "NO_ENDPOINTS" | "CANCELLED" | "SHUTTING_DOWN",
  ) => void;
}

export interface Band {
  readonly priority: number;
  readonly ceiling: number;
  readonly maxRequests: number;
  readonly maxBytes: number;
  readonly requests: number;
  readonly bytes: number;
  readonly flows: number;
  add(entry: Entry): void;
  /** Returns the request whose turn it is. Needs a waiting request. */
  next(): Entry;
  /** Returns the request that arrived last. Needs a waiting request. */
  newest(): Entry;
  /** Removes an entry whose wait is over. `served`: its flow has had its turn. */
  remove(entry: Entry, served: boolean): void;
}

interface Flow {
  readonly heap: EntryHeap<Entry>;
  waiting: number;
}

const defaultFlow = "default-flow";
const byAge = (a: Entry, b: Entry) => a.serial < b.serial;

export function createBand(priority: number, limits: BandLimits): Band {
  const { maxRequests = 5_000, maxBytes = 1e9, ceiling = 1 } = limits;
  const { fairness = "round-robin", ordering = "fcfs" } = limits;
  const isBefore = ordering === "fcfs" ? byAge : byDeadline;
  /** Flows with waiting requests, in the order of their turns. */
  const flows = new Map<string, Flow>();
  const latest = createEntryHeap<Entry>((a, b) => a.serial > b.serial);
  let requests = 0;
  let bytes = 0;

  const flowIdOf = ({ request }: Entry) =>
    fairness === "strict" ? defaultFlow : (request.fairnessId ?? defaultFlow);

  return {
    priority,
    ceiling,
    maxRequests,
    maxBytes,
    get requests() {
      return requests;
    },
    get bytes() {
      return bytes;
    },
    get flows() {
      return flows.size;
    },
    add(entry) {
      const id = flowIdOf(entry);
      let flow = flows.get(id);
      if (flow === undefined) {
        flow = { heap: createEntryHeap(isBefore), waiting: 0 };
        flows.set(id, flow);
      }
      flow.heap.push(entry);
      flow.waiting++;
      latest.push(entry);
      requests++;
      bytes += entry.request.bytes;
    },
    next() {
      const { heap } = flows.values().next().value as Flow;
      return heap.peek() as Entry;
    },
    newest: () => latest.peek() as Entry,
    remove(entry, served) {
      const id = flowIdOf(entry);
      const flow = flows.get(id) as Flow;
      flow.heap.noteEnded();
      latest.noteEnded();
      flow.waiting--;
      requests--;
      bytes -= entry.request.bytes;
      if (served || flow.waiting === 0) flows.delete(id);
      // Moves to the end, so that the other flows have their turns first.
      if (served && flow.waiting > 0) flows.set(id, flow);
    },
  };
}

function byDeadline(a: Entry, b: Entry): boolean {
  const first = a.request.deadlineMs ?? Number.POSITIVE_INFINITY;
  const second = b.request.deadlineMs ?? Number.POSITIVE_INFINITY;
  return first === second ? byAge(a, b) : first < second;
}
