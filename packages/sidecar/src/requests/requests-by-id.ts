/** The fields that the table needs. */
export interface TabledRequest {
  readonly requestId: string;
  /** Next older request in the same bucket. Only written by the table. */
  older: this | undefined;
  /** Where the table keeps it; only the table writes it. */
  bucket: number;
}

export interface RequestsByIdOptions {
  readonly maxRequests: number;
  /** Prevents clients, who may choose ids, from choosing buckets. A whole number. */
  readonly seed: number;
}

const buckets = 16_384;
/** Maximum requests per bucket, which a search scans. A client rarely has more parallel calls with one id. */
const maxPerBucket = 64;

/**
 * Requests by `x-request-id`. Several requests may share an id: third-party gateways keep the client's, and a twin has
 * its primary's. Every pick adds and removes one. Not a `Map`: with so many changes, its storage moves to the old
 * generation and keeps removed entries alive until the next full collection.
 */
export class RequestsById<T extends TabledRequest> {
  readonly #newest: (T | undefined)[] = new Array(buckets).fill(undefined);
  readonly #lengths = new Uint8Array(buckets);
  readonly #maxRequests: number;
  readonly #seed: number;
  #size = 0;

  constructor({ maxRequests, seed }: RequestsByIdOptions) {
    this.#maxRequests = maxRequests;
    this.#seed = seed;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns false if there is no room: the table is full, or too many requests share the id. */
  add(request: T): boolean {
    const bucket = this.#bucketOf(request.requestId);
    const length = this.#lengths[bucket] as number;
    if (this.#size >= this.#maxRequests || length >= maxPerBucket) return false;
    this.#lengths[bucket] = length + 1;
    request.bucket = bucket;
    request.older = this.#newest[bucket];
    this.#newest[bucket] = request;
    this.#size++;
    return true;
  }

  /** Returns false if it was not there. */
  remove(request: T): boolean {
    const { bucket } = request;
    let newer: T | undefined;
    let each = this.#newest[bucket];
    while (each !== undefined && each !== request) {
      newer = each;
      each = each.older;
    }
    if (each === undefined) return false;
    if (newer === undefined) this.#newest[bucket] = request.older;
    else newer.older = request.older;
    request.older = undefined;
    this.#lengths[bucket] = (this.#lengths[bucket] as number) - 1;
    this.#size--;
    return true;
  }

  /** Returns the request with this id that has the highest `rate` (the oldest if equal); undefined if all are below 0. */
  find(requestId: string, rate: (request: T) => number): T | undefined {
    let found: T | undefined;
    let best = 0;
    let each = this.#newest[this.#bucketOf(requestId)];
    for (; each !== undefined; each = each.older) {
      if (each.requestId !== requestId) continue;
      const rating = rate(each);
      if (rating < best) continue;
      best = rating;
      found = each;
    }
    return found;
  }

  /** Visits all requests, for a periodic sweep. */
  visit(each: (request: T) => void): void {
    if (this.#size === 0) return;
    for (const newest of this.#newest) {
      for (let request = newest; request !== undefined; request = request.older) each(request);
    }
  }

  #bucketOf(requestId: string): number {
    let hash = this.#seed;
    for (let i = 0; i < requestId.length; i++) {
      hash = Math.imul(hash ^ requestId.charCodeAt(i), 0x01000193);
    }
    return (hash ^ (hash >>> 15)) & (buckets - 1);
  }
}
