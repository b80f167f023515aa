import type { LegRecorder } from "@umbra/shadow";

/**
 * Ends the twins of requests whose client went away: the primary is cancelled by Envoy itself, its copy runs on unless
 * somebody stops it.
 */
export interface TwinWatch {
  /** A primary was let go with twins. */
  primaryPicked(requestId: string, mirrors: readonly string[]): void;
  /** Its whole answer was seen. */
  primaryAnswered(requestId: string): void;
  /** Its pick stream is over: by the answer's end, or by the client's going. */
  primaryOver(requestId: string): void;
  /** A twin was picked; `fail` ends it at whatever point it is. */
  twinPicked(requestId: string, mirror: string, fail: () => void): void;
  twinObserved(requestId: string, mirror: string, leg: LegRecorder): void;
  twinOver(requestId: string, mirror: string): void;
}

export interface TwinWatchOptions {
  /** Whether the mirror's lane ends a request whose pick stream fails. */
  readonly canCancel: (mirror: string) => boolean;
  readonly onCancel: (mirror: string) => void;
  /** How long the answer's last copy may come behind the end of the pick's stream, in ms; 500 when absent. */
  readonly graceMs?: number;
}

interface Twin {
  fail: (() => void) | undefined;
  leg: LegRecorder | undefined;
}

const maxWatched = 65_536;

export function createTwinWatch(options: TwinWatchOptions): TwinWatch {
  const { canCancel, onCancel, graceMs = 500 } = options;
  /** Mirrors of primaries whose answer has not ended, by request id. */
  const unanswered = new Map<string, readonly string[]>();
  const twins = new Map<string, Twin>();
  const keyOf = (requestId: string, mirror: string) => `${mirror} ${requestId}`;

  function twin(requestId: string, mirror: string): Twin | undefined {
    const key = keyOf(requestId, mirror);
    let found = twins.get(key);
    if (found === undefined) {
      if (twins.size >= maxWatched) return undefined;
      found = { fail: undefined, leg: undefined };
      twins.set(key, found);
    }
    return found;
  }

  function cancel(requestId: string): void {
    for (const mirror of unanswered.get(requestId) ?? []) {
      const found = twins.get(keyOf(requestId, mirror));
      if (found?.fail === undefined || !canCancel(mirror)) continue;
      found.leg?.cut("propagated_cancel");
      onCancel(mirror);
      found.fail();
    }
    unanswered.delete(requestId);
  }

  return {
    primaryPicked(requestId, mirrors) {
      if (unanswered.size < maxWatched) unanswered.set(requestId, mirrors);
    },
    primaryAnswered(requestId) {
      unanswered.delete(requestId);
    },
    primaryOver(requestId) {
      if (!unanswered.has(requestId)) return;
      setTimeout(() => cancel(requestId), graceMs).unref();
    },
    twinPicked(requestId, mirror, fail) {
      const found = twin(requestId, mirror);
      if (found !== undefined) found.fail = fail;
    },
    twinObserved(requestId, mirror, leg) {
      const found = twins.get(keyOf(requestId, mirror));
      if (found !== undefined) found.leg = leg;
    },
    twinOver(requestId, mirror) {
      twins.delete(keyOf(requestId, mirror));
    },
  };
}
