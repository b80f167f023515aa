import type { Lease } from "@umbra/scheduler";
import type { UnmirroredFor } from "@umbra/shadow";

/** What the pick knows of a request and its copy on the observe stream does not carry. */
export interface PickedRequest {
  readonly model: string | undefined;
  readonly isStream: boolean;
  readonly endpoint: string;
  /** To be told which endpoint has served. */
  readonly lease: Lease | undefined;
  /** When the request was let go, in ms of the monotonic clock. */
  readonly dispatchedAt: number;
  readonly bodyBytes: number;
  /** Its answer is measured. */
  readonly isObserved: boolean;
  /** Primary: names of the mirrors that have a twin. Shadow: the mirror it came through. */
  readonly mirrors: readonly string[];
  readonly unmirrored: readonly UnmirroredFor[];
  /** Keyed hash. */
  readonly session: string | undefined;
}

/** Hands a pick's knowledge to the observe stream of the same request. Bounded: the oldest is forgotten. */
export interface PickMemo {
  remember(key: string, request: PickedRequest): void;
  take(key: string): PickedRequest | undefined;
}

/** One key for one request on one lane; a request has a twin in each mirror's lane. */
export function memoKey(lane: string, mirrors: string, requestId: string): string {
  return lane === "shadow" ? `${mirrors} ${requestId}` : ` ${requestId}`;
}

export function createPickMemo(limit: number): PickMemo {
  const requests = new Map<string, PickedRequest>();
  return {
    remember(key, request) {
      requests.set(key, request);
      if (requests.size <= limit) return;
      const oldest = requests.keys().next();
      if (!oldest.done) requests.delete(oldest.value);
    },
    take(key) {
      const request = requests.get(key);
      requests.delete(key);
      return request;
    },
  };
}
