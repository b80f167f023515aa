import type { Leg, Pair } from "./leg.ts";
import { createLegRecorder, type LegRecorder, type LegStart } from "./leg-recorder.ts";
import { createReport, type ShadowReport } from "./report.ts";

export interface RecorderOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Legs under way at once; one more is not recorded. 4,096 when absent. */
  readonly maxOpen?: number;
  /** Pairs, and single legs, that are kept; the oldest go first. 10,000 when absent. */
  readonly maxPairs?: number;
  /** How long a finished leg waits for its twin; 600,000 when absent. */
  readonly pairTimeoutMs?: number;
  readonly onPair?: (pair: Pair) => void;
}

/** Pairs primary requests with their twins, whichever is done first, and measures both. */
export interface Recorder {
  /** A leg begins. Returns undefined when it is not recorded: too many are open, or its id is none. */
  begin(start: LegStart): LegRecorder | undefined;
  pairs(): readonly Pair[];
  report(): ShadowReport;
  stats(): RecorderStats;
  /** Gives up waiting for twins that are overdue. To be called now and then. */
  expire(): void;
}

export interface RecorderStats {
  readonly openLegs: number;
  /** Finished, waiting for the twin. */
  readonly waitingLegs: number;
  readonly pairs: number;
  /** Not recorded because too many legs were open or waiting. */
  readonly dropped: number;
  /** Waited in vain. */
  readonly expired: number;
}

interface Waiting {
  readonly leg: Leg;
  readonly sinceMs: number;
}

const maxIdLength = 128;

export function createRecorder(options: RecorderOptions): Recorder {
  const { now, maxOpen = 4_096, maxPairs = 10_000, pairTimeoutMs = 600_000, onPair } = options;
  /** Finished primaries, for as long as a twin may come; by request id. */
  const primaries = new Map<string, Waiting & { isPaired: boolean }>();
  /** Finished shadows whose primary still runs; by request id. */
  const shadows = new Map<string, Waiting[]>();
  const pairs: Pair[] = [];
  /** Primaries that are not mirrored, and legs whose twin never came. */
  const singles: Leg[] = [];
  let openLegs = 0;
  let dropped = 0;
  let expired = 0;

  function pair(primary: Leg, shadow: Leg): void {
    const made = { requestId: primary.requestId, primary, shadow };
    keep(pairs, made);
    onPair?.(made);
  }

  function keep<T>(list: T[], item: T): void {
    list.push(item);
    if (list.length > maxPairs * 1.25) list.splice(0, list.length - maxPairs);
  }

  function finishPrimary(leg: Leg, isMirrored: boolean): void {
    const waiting = shadows.get(leg.requestId) ?? [];
    shadows.delete(leg.requestId);
    for (const shadow of waiting) pair(leg, shadow.leg);
    if (!isMirrored) {
      keep(singles, leg);
      return;
    }
    primaries.set(leg.requestId, { leg, sinceMs: now(), isPaired: waiting.length > 0 });
    if (primaries.size > maxPairs) evict(primaries.keys().next().value, "primary");
  }

  function finishShadow(leg: Leg): void {
    const primary = primaries.get(leg.requestId);
    if (primary !== undefined) {
      primary.isPaired = true;
      pair(primary.leg, leg);
      return;
    }
    shadows.set(leg.requestId, [...(shadows.get(leg.requestId) ?? []), { leg, sinceMs: now() }]);
    if (shadows.size > maxPairs) evict(shadows.keys().next().value, "shadow");
  }

  function evict(requestId: string | undefined, lane: Leg["lane"]): void {
    if (requestId === undefined) return;
    if (lane === "primary") {
      const primary = primaries.get(requestId);
      primaries.delete(requestId);
      if (primary === undefined || primary.isPaired) return;
      expired++;
      keep(singles, primary.leg);
      return;
    }
    for (const { leg } of shadows.get(requestId) ?? []) {
      expired++;
      keep(singles, leg);
    }
    shadows.delete(requestId);
  }

  function expire(): void {
    const oldestMs = now() - pairTimeoutMs;
    for (const [requestId, { sinceMs }] of primaries) {
      if (sinceMs > oldestMs) break;
      evict(requestId, "primary");
    }
    for (const [requestId, [first]] of shadows) {
      if (first !== undefined && first.sinceMs > oldestMs) break;
      evict(requestId, "shadow");
    }
  }

  /** Finished primaries without a twin as yet. */
  const unpaired = () =>
    [...primaries.values()].filter(({ isPaired }) => !isPaired).map(({ leg }) => leg);

  return {
    begin(start) {
      const isKeyed = start.requestId !== "" && start.requestId.length <= maxIdLength;
      if (!isKeyed || openLegs >= maxOpen) {
        dropped++;
        return undefined;
      }
      openLegs++;
      return createLegRecorder(start, now, (leg) => {
        openLegs--;
        if (leg.lane === "shadow") finishShadow(leg);
        else finishPrimary(leg, start.isMirrored ?? false);
      });
    },
    pairs: () => pairs.slice(-maxPairs),
    report: () => createReport({ pairs, singles: [...singles, ...unpaired()], dropped, expired }),
    stats: () => ({
      openLegs,
      waitingLegs: unpaired().length + shadows.size,
      pairs: pairs.length,
      dropped,
      expired,
    }),
    expire,
  };
}
