import type { Leg, Pair } from "../measure/leg.ts";
import {
  createLegRecorder,
  type LegRecorder,
  type LegStart,
  type UnmirroredFor,
} from "../measure/leg-recorder.ts";

export interface RecorderOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Legs under way at once; one more is not recorded. 8,192 when absent. */
  readonly maxOpen?: number;
  /** Requests with a leg under way or awaited; one more is not recorded. 32,768 when absent. */
  readonly maxWaiting?: number;
  /** Latest pairs that are kept to be shown; 2,000 when absent. */
  readonly maxPairs?: number;
  /** How long a finished leg waits for a twin that is under way; 660,000 when absent. */
  readonly pairTimeoutMs?: number;
  /** How long a primary waits for its twin to begin: copies leave with the request itself. 10,000 when absent. */
  readonly lostAfterMs?: number;
  /** Each is called in turn, in this order; none when absent. */
  readonly observers?: readonly RecorderObserver[];
}

/** Whoever wants to know what becomes of recorded requests. Mirrors are named as the twin came through them. */
export interface RecorderObserver {
  /** A leg has ended, paired or not. `mirror`: of a shadow's leg. */
  legEnded?(leg: Leg, mirror: string | undefined): void;
  /** Both legs have ended. */
  paired?(pair: Pair, mirror: string): void;
  /** The twin never came, or never ended. */
  lost?(primary: Leg, mirror: string): void;
  /** A primary has ended that has no twin in `of.mirror`. */
  unmirrored?(primary: Leg, of: UnmirroredFor): void;
}

/** Pairs primary requests with their twins, whichever is done first, and measures both. */
export interface Recorder {
  /** A leg begins. Returns undefined when it is not recorded: too many are open, or its id is none. */
  begin(start: LegStart): LegRecorder | undefined;
  /** The latest, oldest first. */
  pairs(): readonly Pair[];
  stats(): RecorderStats;
  /** Gives up waiting for twins that are overdue. To be called now and then. */
  expire(): void;
}

export interface RecorderStats {
  readonly openLegs: number;
  /** Requests that wait for a leg to begin or to end. */
  readonly waiting: number;
  readonly pairs: number;
  /** Not recorded because too many were open. */
  readonly dropped: number;
  /** Twins that never came or never ended. */
  readonly lost: number;
}

type Twin = { state: "expected" | "open" } | { state: "done"; leg: Leg };

/** One request with all its legs. */
interface Open {
  readonly sinceMs: number;
  primary: Leg | "open" | undefined;
  readonly twins: Map<string, Twin>;
}

const maxIdLength = 128;

export function createRecorder(options: RecorderOptions): Recorder {
  const { now, maxOpen = 8_192, maxWaiting = 32_768, maxPairs = 2_000 } = options;
  const { pairTimeoutMs = 660_000, lostAfterMs = 10_000, observers = [] } = options;
  /** By request id, oldest first. */
  const requests = new Map<string, Open>();
  const pairs: Pair[] = [];
  let [openLegs, dropped, lost, paired] = [0, 0, 0, 0];

  function open(requestId: string): Open | undefined {
    const known = requests.get(requestId);
    if (known !== undefined) return known;
    if (requests.size >= maxWaiting) return undefined;
    const made: Open = { sinceMs: now(), primary: undefined, twins: new Map() };
    requests.set(requestId, made);
    return made;
  }

  function finishPrimary(leg: Leg, request: Open): void {
    request.primary = leg;
    for (const [mirror, twin] of request.twins) {
      if (twin.state === "done") pair(leg, twin.leg, mirror, request);
    }
    settle(leg.requestId, request);
  }

  function finishShadow(leg: Leg, mirror: string, request: Open): void {
    // Given up meanwhile.
    if (!request.twins.has(mirror)) return;
    if (isLeg(request.primary)) pair(request.primary, leg, mirror, request);
    else request.twins.set(mirror, { state: "done", leg });
    settle(leg.requestId, request);
  }

  function pair(primary: Leg, shadow: Leg, mirror: string, request: Open): void {
    request.twins.delete(mirror);
    const made = { requestId: primary.requestId, primary, shadow };
    paired++;
    pairs.push(made);
    if (pairs.length > maxPairs * 1.25) pairs.splice(0, pairs.length - maxPairs);
    for (const each of observers) each.paired?.(made, mirror);
  }

  function settle(requestId: string, request: Open): void {
    if (isLeg(request.primary) && request.twins.size === 0) requests.delete(requestId);
  }

  function giveUp(request: Open, mirror: string): void {
    request.twins.delete(mirror);
    lost++;
    if (!isLeg(request.primary)) return;
    for (const each of observers) each.lost?.(request.primary, mirror);
  }

  function expireOne(requestId: string, request: Open, ageMs: number): void {
    const { primary } = request;
    if (primary === "open") return;
    for (const [mirror, { state }] of request.twins) {
      const limitMs = state === "expected" ? lostAfterMs : pairTimeoutMs;
      if (ageMs >= limitMs) giveUp(request, mirror);
    }
    const isOrphan = primary === undefined && (request.twins.size === 0 || ageMs >= pairTimeoutMs);
    if (isOrphan) requests.delete(requestId);
    else settle(requestId, request);
  }

  return {
    begin(start) {
      const { requestId, lane } = start;
      const isKeyed = requestId !== "" && requestId.length <= maxIdLength;
      const request = isKeyed && openLegs < maxOpen ? open(requestId) : undefined;
      const [mirror = ""] = start.mirrors ?? [];
      const isTwice =
        request !== undefined &&
        (lane === "primary" ? request.primary !== undefined : isBegun(request.twins.get(mirror)));
      // A client may send one id twice at once; the second request is then nobody's twin.
      if (request === undefined || isTwice) {
        dropped++;
        return undefined;
      }
      if (lane === "primary") {
        request.primary = "open";
        for (const name of start.mirrors ?? []) {
          if (!request.twins.has(name)) request.twins.set(name, { state: "expected" });
        }
      } else {
        request.twins.set(mirror, { state: "open" });
      }
      openLegs++;
      return createLegRecorder(start, now, (leg) => {
        openLegs--;
        for (const each of observers) each.legEnded?.(leg, lane === "shadow" ? mirror : undefined);
        if (lane === "shadow") return finishShadow(leg, mirror, request);
        finishPrimary(leg, request);
        for (const of of start.unmirrored ?? []) {
          for (const each of observers) each.unmirrored?.(leg, of);
        }
      });
    },
    pairs: () => pairs.slice(-maxPairs),
    stats: () => ({ openLegs, waiting: requests.size, pairs: paired, dropped, lost }),
    expire() {
      const nowMs = now();
      for (const [requestId, request] of requests) {
        const ageMs = nowMs - request.sinceMs;
        if (ageMs < lostAfterMs) break;
        expireOne(requestId, request, ageMs);
      }
    },
  };
}

function isLeg(primary: Open["primary"]): primary is Leg {
  return typeof primary === "object";
}

function isBegun(twin: Twin | undefined): boolean {
  return twin !== undefined && twin.state !== "expected";
}
