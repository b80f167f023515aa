import type { RequestObserver } from "../decision/request-observer.ts";
import { type LiveLeg, LiveRequest, type LiveTwin, type MeasuredLeg } from "./live-request.ts";
import { RequestsById } from "./requests-by-id.ts";

export interface LiveRequestsOptions {
  /** Whether the mirror's lane ends a request whose pick stream fails. */
  readonly canCancel: (mirror: string) => boolean;
  readonly onCancel: (mirror: string) => void;
  readonly observers: readonly RequestObserver<LiveRequest>[];
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Uniform in [0, 1); `Math.random` when absent. */
  readonly random?: () => number;
  /** How long the answer's last copy may come behind the end of the pick's stream, in ms; 500 when absent. */
  readonly graceMs?: number;
}

const maxRequests = 32_768;
/** A twin or an observe stream that was not heard of for so long does not come: copies leave with the request itself. */
const lostAfterMs = 10_000;

/**
 * Requests that have twins, are twins or are measured, from their pick to the end of their last stream. Their pick and
 * observe streams meet here. Bounded; of too many the newest are not measured.
 */
export class LiveRequests {
  readonly #options: LiveRequestsOptions;
  readonly #requests: RequestsById<LiveRequest>;

  constructor(options: LiveRequestsOptions) {
    const { random = Math.random } = options;
    this.#options = options;
    this.#requests = new RequestsById({ maxRequests, seed: Math.floor(random() * 2 ** 32) });
  }

  get size(): number {
    return this.#requests.size;
  }

  /** A primary is sent to its endpoint, with twins in these mirrors. Undefined where there is no room. */
  begin(requestId: string, mirrors: readonly string[]): LiveRequest | undefined {
    const request = new LiveRequest(requestId, mirrors);
    return this.#requests.add(request) ? request : undefined;
  }

  /** The request that a twin in the mirror is awaited of. */
  expecting(requestId: string, mirror: string): LiveRequest | undefined {
    return this.#requests.find(requestId, (each) =>
      each.awaitedIn(mirror) === undefined ? -1 : isOpen(each),
    );
  }

  /** A twin has come; `fail` ends it at whatever point it is. Undefined where there is no room. */
  beginTwin(requestId: string, mirror: string, fail?: () => void): LiveTwin | undefined {
    const known = this.expecting(requestId, mirror);
    const twin = (known ?? this.begin(requestId, [mirror]))?.awaitedIn(mirror);
    if (twin === undefined) return undefined;
    if (known === undefined) twin.isCounted = false;
    else known.streams++;
    twin.isPicked = true;
    twin.fail = fail;
    return twin;
  }

  /** The leg whose observe stream has come: once, and only where it is measured. `mirror`: of a twin. */
  observe(requestId: string, mirror: string | undefined): ObservedLeg | undefined {
    const request = this.#requests.find(requestId, (each) =>
      each.legOf(mirror)?.awaitsMeasuring === true ? isOpen(each) : -1,
    );
    const leg = request?.legOf(mirror);
    if (request === undefined || leg?.measured === undefined) return undefined;
    leg.measured.hasBegun = true;
    request.streams++;
    return { leg, measured: leg.measured };
  }

  /** Whether another request of this id is being measured: which twins are whose is then not known. */
  isShared(request: LiveRequest): boolean {
    const other = this.#requests.find(request.requestId, (each) =>
      each !== request && each.pairing?.isWaiting === true ? 0 : -1,
    );
    return other !== undefined;
  }

  /** A stream that was counted is over. */
  streamOver(request: LiveRequest): void {
    request.streams--;
    if (request.streams > 0) return;
    if (request.isAwaiting) request.idleSinceMs = this.#options.now();
    else this.#forget(request);
  }

  /**
   * The primary's pick stream is over: by the answer's end, or because the client went away. Then its twins are ended:
   * Envoy cancels the primary itself, its copies would run on.
   */
  primaryOver(request: LiveRequest): void {
    const { measured, twins } = request;
    // The answer's end passes the observe stream, which may be some ms behind.
    if (measured !== undefined && twins.length > 0 && !measured.isAnswered) {
      const { graceMs = 500 } = this.#options;
      setTimeout(() => this.#cancelTwins(request), graceMs).unref();
    }
    this.streamOver(request);
  }

  /** Forgets those whose twins or observe streams never came. To be called now and then. */
  expire(): void {
    const oldestMs = this.#options.now() - lostAfterMs;
    this.#requests.forEach((request) => {
      if (request.streams === 0 && request.idleSinceMs <= oldestMs) this.#forget(request);
      else request.pairing?.expire();
    });
  }

  #forget(request: LiveRequest): void {
    this.#requests.remove(request);
    request.pairing?.giveUp();
    for (const each of this.#options.observers) each.over?.(request);
  }

  #cancelTwins({ measured, twins }: LiveRequest): void {
    const { canCancel, onCancel } = this.#options;
    if (measured === undefined || measured.isAnswered) return;
    for (const { mirror, fail, measured: own } of twins) {
      if (fail === undefined || !canCancel(mirror)) continue;
      own?.recorder?.cut("propagated_cancel");
      onCancel(mirror);
      fail();
    }
  }
}

export interface ObservedLeg {
  readonly leg: LiveLeg;
  readonly measured: MeasuredLeg;
}

/** Of requests that share an id those with open streams come first: what others await was probably lost. */
function isOpen({ streams }: LiveRequest): 0 | 1 {
  return streams > 0 ? 1 : 0;
}
