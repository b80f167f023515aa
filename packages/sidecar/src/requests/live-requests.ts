import type { Lease } from "@umbra/scheduler";
import type { LegRecorder, UnmirroredFor } from "@umbra/shadow";
import { RequestsById, type TabledRequest } from "./requests-by-id.ts";

/** What the pick knows of a measured leg, and its copies on the observe stream do not carry. */
export interface PickedLeg {
  readonly model: string | undefined;
  readonly isStream: boolean;
  readonly endpoint: string;
  /** Learns which endpoint has served. */
  readonly lease: Lease | undefined;
  /** When the request was sent to its endpoint, in ms of the monotonic clock. */
  readonly dispatchedAt: number;
  readonly bodyBytes: number;
  /** Primary: names of the mirrors that have a twin and are judged. Twin: the mirror it came through. */
  readonly mirrors: readonly string[];
  readonly unmirrored: readonly UnmirroredFor[];
  /** Keyed hash. */
  readonly session: string | undefined;
}

export interface ObservedLeg<T> {
  readonly live: T;
  readonly picked: PickedLeg;
}

export interface LiveRequestsOptions {
  /** Whether the mirror's lane ends a request whose pick stream fails. */
  readonly canCancel: (mirror: string) => boolean;
  readonly onCancel: (mirror: string) => void;
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

/** One primary, with its twins; or a twin whose primary is not known here. */
export class LiveRequest implements TabledRequest {
  readonly requestId: string;
  older: this | undefined = undefined;
  readonly twins: LiveTwin[] = [];
  /** The model that the client named, where the copies carry another. */
  clientModel: string | undefined = undefined;
  /** Until the observe stream takes it. */
  measured: PickedLeg | undefined = undefined;
  /** Whether it is seen how the answer ends. */
  isMeasured = false;
  isAnswered = false;
  /** Streams that are open. */
  streams = 0;
  idleSinceMs = 0;

  constructor(requestId: string, mirrors: readonly string[]) {
    this.requestId = requestId;
    for (const mirror of mirrors) this.twins.push(new LiveTwin(this, mirror));
  }

  get isAwaiting(): boolean {
    return this.measured !== undefined || this.twins.some((twin) => twin.isAwaiting);
  }
}

/** The copy of a request in one mirror's lane. */
export class LiveTwin {
  readonly request: LiveRequest;
  readonly mirror: string;
  isPicked = false;
  measured: PickedLeg | undefined = undefined;
  leg: LegRecorder | undefined = undefined;
  /** Ends it at whatever point it is; undefined before its pick and after its end. */
  fail: (() => void) | undefined = undefined;

  constructor(request: LiveRequest, mirror: string) {
    this.request = request;
    this.mirror = mirror;
  }

  get isAwaiting(): boolean {
    return !this.isPicked || this.measured !== undefined;
  }
}

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
    if (!this.#requests.add(request)) return undefined;
    request.streams = 1;
    return request;
  }

  /** The request that a twin in the mirror is awaited of. */
  expecting(requestId: string, mirror: string): LiveRequest | undefined {
    return this.#requests.find(requestId, (each) =>
      awaitedIn(each, mirror) === undefined ? -1 : isOpen(each),
    );
  }

  /** A twin was picked; `fail` ends it at whatever point it is. Undefined where there is no room. */
  beginTwin(requestId: string, mirror: string, fail: () => void): LiveTwin | undefined {
    let request = this.expecting(requestId, mirror);
    if (request === undefined) request = this.begin(requestId, [mirror]);
    else request.streams++;
    const twin = request === undefined ? undefined : awaitedIn(request, mirror);
    if (twin === undefined) return undefined;
    twin.isPicked = true;
    twin.fail = fail;
    return twin;
  }

  /** A twin was refused: it has no answer, and nothing more is awaited of it. */
  refuseTwin(requestId: string, mirror: string): void {
    const request = this.expecting(requestId, mirror);
    const twin = request === undefined ? undefined : awaitedIn(request, mirror);
    if (request === undefined || twin === undefined) return;
    twin.isPicked = true;
    if (request.streams === 0 && !request.isAwaiting) this.#requests.remove(request);
  }

  /** The pick's knowledge of a primary whose answer is measured: once. */
  observe(requestId: string): ObservedLeg<LiveRequest> | undefined {
    const live = this.#requests.find(requestId, (each) =>
      each.measured === undefined ? -1 : isOpen(each),
    );
    const picked = live?.measured;
    if (live === undefined || picked === undefined) return undefined;
    live.measured = undefined;
    live.streams++;
    return { live, picked };
  }

  /** The same of a twin. */
  observeTwin(requestId: string, mirror: string): ObservedLeg<LiveTwin> | undefined {
    const request = this.#requests.find(requestId, (each) =>
      measuredIn(each, mirror) === undefined ? -1 : isOpen(each),
    );
    const live = request === undefined ? undefined : measuredIn(request, mirror);
    const picked = live?.measured;
    if (live === undefined || picked === undefined) return undefined;
    live.measured = undefined;
    live.request.streams++;
    return { live, picked };
  }

  /** A stream that was counted is over. */
  streamOver(request: LiveRequest): void {
    request.streams--;
    if (request.streams > 0) return;
    if (request.isAwaiting) request.idleSinceMs = this.#options.now();
    else this.#requests.remove(request);
  }

  /**
   * The primary's pick stream is over: by the answer's end, or because the client went away. Then its twins are ended:
   * Envoy cancels the primary itself, its copies would run on.
   */
  primaryOver(request: LiveRequest): void {
    // The answer's end passes the observe stream, which may be some ms behind.
    if (request.isMeasured && request.twins.length > 0 && !request.isAnswered) {
      const { graceMs = 500 } = this.#options;
      setTimeout(() => this.#cancelTwins(request), graceMs).unref();
    }
    this.streamOver(request);
  }

  /** Forgets those whose twins or observe streams never came. To be called now and then. */
  expire(): void {
    const oldestMs = this.#options.now() - lostAfterMs;
    this.#requests.removeWhere(
      ({ streams, idleSinceMs }) => streams === 0 && idleSinceMs <= oldestMs,
    );
  }

  #cancelTwins(request: LiveRequest): void {
    const { canCancel, onCancel } = this.#options;
    if (request.isAnswered || !request.isMeasured) return;
    for (const { mirror, fail, leg } of request.twins) {
      if (fail === undefined || !canCancel(mirror)) continue;
      leg?.cut("propagated_cancel");
      onCancel(mirror);
      fail();
    }
  }
}

/** Of requests that share an id those with open streams come first: what others await was probably lost. */
function isOpen({ streams }: LiveRequest): 0 | 1 {
  return streams > 0 ? 1 : 0;
}

function awaitedIn({ twins }: LiveRequest, mirror: string): LiveTwin | undefined {
  return twins.find((twin) => twin.mirror === mirror && !twin.isPicked);
}

function measuredIn({ twins }: LiveRequest, mirror: string): LiveTwin | undefined {
  return twins.find((twin) => twin.mirror === mirror && twin.measured !== undefined);
}
