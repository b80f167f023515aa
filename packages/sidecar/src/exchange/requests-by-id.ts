/**
 * Requests by their `x-request-id`, which several may share: third-party gateways keep the client's. Of each id the
 * oldest come first, and the oldest is dropped when there are too many.
 */
export interface RequestsById<T> {
  /** Number of ids. */
  readonly ids: number;
  of(id: string): readonly T[];
  /** Returns the request that had to make room. */
  add(id: string, request: T): T | undefined;
  remove(id: string, request: T): void;
  /** Removes the id that was added to least recently. Returns its requests. */
  removeOldest(): readonly T[];
  /** Removes requests from the oldest on while they are `isOld`. Returns them. */
  removeWhile(isOld: (request: T) => boolean): readonly T[];
}

/** Requests with one id at a time; a client's parallel calls under one id are rarely more. */
const maxPerId = 32;

export function createRequestsById<T>(): RequestsById<T> {
  const byId = new Map<string, T[]>();
  return {
    get ids() {
      return byId.size;
    },
    of: (id) => byId.get(id) ?? none,
    add(id, request) {
      const known = byId.get(id);
      if (known === undefined) {
        byId.set(id, [request]);
        return undefined;
      }
      // Ids stay in the order of their newest request.
      byId.delete(id);
      byId.set(id, known);
      known.push(request);
      return known.length > maxPerId ? known.shift() : undefined;
    },
    remove(id, request) {
      const known = byId.get(id);
      const index = known?.indexOf(request) ?? -1;
      if (known === undefined || index < 0) return;
      if (known.length === 1) byId.delete(id);
      else known.splice(index, 1);
    },
    removeOldest() {
      for (const [id, requests] of byId) {
        byId.delete(id);
        return requests;
      }
      return none;
    },
    removeWhile(isOld) {
      const removed: T[] = [];
      for (const [id, requests] of byId) {
        const kept = requests.findIndex((each) => !isOld(each));
        removed.push(...requests.splice(0, kept < 0 ? requests.length : kept));
        if (kept >= 0) break;
        byId.delete(id);
      }
      return removed;
    },
  };
}

const none: readonly never[] = [];
