/** What a table of requests needs to know of each. */
export interface TabledRequest {
  readonly requestId: string;
  /** Next older request of the same bucket; only the table writes it. */
  older: this | undefined;
}

/**
 * Requests by their `x-request-id`, which several may share: third-party gateways keep the client's, and a twin has its
 * primary's. Every pick adds and removes one. It is no `Map`: under so many changes a map's storage grows old, and keeps
 * what it held alive until the next full collection.
 */
export interface RequestsById<T extends TabledRequest> {
  readonly size: number;
  /** Returns false where there is no room: the table is full, or too many share the id. */
  add(request: T): boolean;
  remove(request: T): void;
  /** The request of this id that `rate` rates highest, the oldest of equals; undefined where it rates all below 0. */
  find(requestId: string, rate: (request: T) => number): T | undefined;
  /** Looks at all: for a sweep now and then. */
  removeWhere(isOver: (request: T) => boolean): void;
}

export interface RequestsByIdOptions {
  readonly maxRequests: number;
  /** Keeps clients, who may choose ids, from choosing buckets. A whole number. */
  readonly seed: number;
}

const buckets = 16_384;
/** Requests of one bucket, all of which a search looks at. A client's parallel calls under one id are rarely more. */
const maxPerBucket = 64;

export function createRequestsById<T extends TabledRequest>(
  options: RequestsByIdOptions,
): RequestsById<T> {
  const { maxRequests, seed } = options;
  const lengths = new Uint8Array(buckets);
  const newest: (T | undefined)[] = new Array(buckets).fill(undefined);
  let size = 0;

  function bucketOf(requestId: string): number {
    let hash = seed;
    for (let i = 0; i < requestId.length; i++) {
      hash = Math.imul(hash ^ requestId.charCodeAt(i), 0x01000193);
    }
    return (hash ^ (hash >>> 15)) & (buckets - 1);
  }

  function remove(request: T): void {
    const bucket = bucketOf(request.requestId);
    let newer: T | undefined;
    let each = newest[bucket];
    while (each !== undefined && each !== request) {
      newer = each;
      each = each.older;
    }
    if (each === undefined) return;
    if (newer === undefined) newest[bucket] = request.older;
    else newer.older = request.older;
    request.older = undefined;
    lengths[bucket] = (lengths[bucket] as number) - 1;
    size--;
  }

  return {
    get size() {
      return size;
    },
    add(request) {
      const bucket = bucketOf(request.requestId);
      const length = lengths[bucket] as number;
      if (size >= maxRequests || length >= maxPerBucket) return false;
      lengths[bucket] = length + 1;
      request.older = newest[bucket];
      newest[bucket] = request;
      size++;
      return true;
    },
    remove,
    find(requestId, rate) {
      let found: T | undefined;
      let best = 0;
      for (let each = newest[bucketOf(requestId)]; each !== undefined; each = each.older) {
        if (each.requestId !== requestId) continue;
        const rating = rate(each);
        if (rating < best) continue;
        best = rating;
        found = each;
      }
      return found;
    },
    removeWhere(isOver) {
      if (size === 0) return;
      for (const first of newest) {
        for (let each: T | undefined = first; each !== undefined; ) {
          const next: T | undefined = each.older;
          if (isOver(each)) remove(each);
          each = next;
        }
      }
    },
  };
}
