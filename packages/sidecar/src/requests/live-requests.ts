import { destinationHeader, mirrorHeader } from "@umbra/envoy-config";
import type { AccessLogEntry } from "@umbra/ext-proc";
import type { RequestObserver } from "../decision/request-observer.ts";
import { type LiveLeg, LiveRequest, type LiveTwin } from "./live-request.ts";
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

/** Of more the newest are neither measured nor heard of. */
const maxRequests = 65_536;
/** Of more that are idle the oldest is forgotten. A power of two. */
const maxIdle = 8_192;
/** From so many on none is kept for an access log while none was heard: perhaps there is none, and each costs time. */
const maxIdleUnlogged = 256;
/** An access log tells of the first requests within a second; after so many unheard picks there is none. */
const maxUnheard = 10_000;
/**
 * How long a request may be idle. Copies leave with the request itself, and a line of an access log comes some ms behind
 * its end: what was not heard of for so long does not come.
 */
const maxIdleMs = 10_000;

/**
 * Requests from their pick until nothing more is awaited of them: those that have twins, are twins, are measured, or may be
 * heard of in an access log. A request is idle when its streams are over and something is still awaited of it.
 */
export class LiveRequests {
  readonly #options: LiveRequestsOptions;
  readonly #requests: RequestsById<LiveRequest>;
  /** Those that want to know more than the recorder tells. */
  readonly #listeners: readonly RequestObserver<LiveRequest>[];
  /** A ring of those that are idle, from `#oldest` to `#next`. */
  readonly #idle: (LiveRequest | undefined)[] = new Array(maxIdle).fill(undefined);
  #oldest = 0;
  #next = 0;
  #idleCount = 0;
  #hasLog = false;
  #unheard = 0;

  constructor(options: LiveRequestsOptions) {
    const { random = Math.random } = options;
    this.#options = options;
    this.#listeners = options.observers.filter(
      ({ logged, over, twinLost }) => (logged ?? over ?? twinLost) !== undefined,
    );
    this.#requests = new RequestsById({ maxRequests, seed: Math.floor(random() * 2 ** 32) });
  }

  get size(): number {
    return this.#requests.size;
  }

  /** Whether a request is to be known that has no twins and is not measured: an access log may tell of it. */
  get awaitsLog(): boolean {
    return this.#hasLog || this.#unheard < maxUnheard;
  }

  /** A primary is sent to its endpoint, with twins in these mirrors. Undefined where there is no room. */
  begin(requestId: string, mirrors: readonly string[]): LiveRequest | undefined {
    if (!this.#hasLog) this.#unheard++;
    const request = new LiveRequest(requestId, mirrors);
    if (mirrors.length > 0) request.sentMs = this.#options.now();
    if (this.#requests.add(request)) return request;
    if (mirrors.length > 0) this.#makeRoom(requestId);
    return this.#requests.add(request) ? request : undefined;
  }

  /** The request that a twin in the mirror is awaited of. */
  expecting(requestId: string, mirror: string): LiveRequest | undefined {
    return this.#requests.find(requestId, (each) =>
      each.twinIn(mirror)?.isPicked === false ? isOpen(each) : -1,
    );
  }

  /** A twin has come; `fail` ends it at whatever point it is. Undefined where there is no room. */
  beginTwin(requestId: string, mirror: string, fail?: () => void): LiveTwin | undefined {
    const known = this.expecting(requestId, mirror);
    const twin = (known ?? this.begin(requestId, [mirror]))?.twinIn(mirror);
    if (twin === undefined) return undefined;
    if (known === undefined) twin.isCounted = false;
    else this.#streamBegun(known);
    twin.isPicked = true;
    twin.fail = fail;
    return twin;
  }

  /** Ends a twin that sends more than any answer is long, where its lane can. */
  endTwin({ fail, mirror }: LiveTwin): void {
    if (this.#options.canCancel(mirror)) fail?.();
  }

  /** The leg whose observe stream has come: once, and only where it is measured. `mirror`: of a twin. */
  observe(requestId: string, mirror: string | undefined): LiveLeg | undefined {
    const request = this.#requests.find(requestId, (each) =>
      each.legOf(mirror)?.measured?.hasBegun === false ? isOpen(each) : -1,
    );
    const leg = request?.legOf(mirror);
    if (request === undefined || leg?.measured === undefined) return undefined;
    leg.measured.hasBegun = true;
    this.#streamBegun(request);
    return leg;
  }

  /** Whether another request of this id is being measured: which twins are whose is then not known. */
  isShared(request: LiveRequest): boolean {
    const other = this.#requests.find(request.requestId, (each) =>
      each !== request && each.pairing?.isWaiting === true ? 0 : -1,
    );
    return other !== undefined;
  }

  /**
   * A line of an access log, about the oldest leg of its id that has none; of several rather one that was sent to the
   * line's endpoint. The line does not say which pool a primary was picked in.
   */
  logged(line: AccessLogEntry): void {
    this.#hasLog = true;
    const mirror = line.header(mirrorHeader);
    const destinations = line.header(destinationHeader) ?? "";
    const comma = destinations.indexOf(",");
    const endpoint = (comma < 0 ? destinations : destinations.slice(0, comma)).trim();
    const request = this.#requests.find(line.requestId, (each) => {
      const leg = each.legOf(mirror);
      if (leg?.lease === undefined || leg.isLogged) return -1;
      return (leg.lease.endpoint === endpoint ? 2 : 0) + (leg.isOver ? 1 : 0);
    });
    const leg = request?.legOf(mirror);
    if (request === undefined || leg === undefined) return;
    leg.isLogged = true;
    for (const each of this.#listeners) each.logged?.(line, destinations, mirror, request);
    if (request.streams === 0) this.#settle(request);
  }

  /** A stream that was counted is over. */
  streamOver(request: LiveRequest): void {
    request.streams--;
    if (request.streams === 0) this.#settle(request);
  }

  /**
   * The primary's pick stream is over: by the answer's end, or because the client went away. Then its twins are ended:
   * Envoy cancels the primary itself, its copies would run on.
   */
  primaryOver(request: LiveRequest): void {
    const { measured, twins } = request;
    if (measured !== undefined && twins.length > 0 && !measured.isWhole) this.#cancelSoon(request);
    this.streamOver(request);
  }

  /** Forgets those that are idle for too long, and gives up on twins that run for too long. To be called now and then. */
  expire(): void {
    const sinceMs = this.#options.now() - maxIdleMs;
    while (this.#oldest < this.#next) {
      const request = this.#idle[this.#oldest & (maxIdle - 1)];
      if (request?.idleSinceMs !== undefined && request.idleSinceMs > sinceMs) break;
      this.#dropOldest();
    }
    this.#requests.visit((request) => {
      request.pairing?.expire();
      if (request.sentMs !== undefined && request.sentMs <= sinceMs) this.#loseTwins(request);
    });
  }

  /** A copy leaves with its request: what has not come by now is lost. */
  #loseTwins(request: LiveRequest): void {
    request.sentMs = undefined;
    for (const { mirror, isPicked } of request.twins) {
      if (isPicked) continue;
      for (const each of this.#listeners) each.twinLost?.(mirror, request);
    }
  }

  /** What may only be heard of gives way to what has twins. */
  #makeRoom(requestId: string): void {
    const idle = this.#requests.find(requestId, (each) =>
      each.place < 0 || each.some(awaitsStream) ? -1 : 0,
    );
    if (idle !== undefined) this.#forget(idle);
  }

  #streamBegun(request: LiveRequest): void {
    request.streams++;
    this.#leaveIdle(request);
  }

  /** Its streams are over. */
  #settle(request: LiveRequest): void {
    if (!request.some(awaitsStream) && !this.#awaitsLine(request)) this.#forget(request);
    else if (request.place < 0) this.#keepIdle(request);
  }

  #awaitsLine(request: LiveRequest): boolean {
    if (!this.#hasLog && (this.#idleCount >= maxIdleUnlogged || !this.awaitsLog)) return false;
    return request.some(awaitsLine);
  }

  #keepIdle(request: LiveRequest): void {
    if (this.#next - this.#oldest >= maxIdle) this.#dropOldest("noRoom");
    request.idleSinceMs = this.#options.now();
    request.place = this.#next & (maxIdle - 1);
    this.#idle[request.place] = request;
    this.#next++;
    this.#idleCount++;
  }

  #leaveIdle(request: LiveRequest): void {
    if (request.place < 0) return;
    this.#idle[request.place] = undefined;
    request.place = -1;
    this.#idleCount--;
  }

  #dropOldest(why?: "noRoom"): void {
    const request = this.#idle[this.#oldest & (maxIdle - 1)];
    this.#oldest++;
    if (request !== undefined) this.#forget(request, why);
  }

  #forget(request: LiveRequest, why?: "noRoom"): void {
    this.#leaveIdle(request);
    this.#requests.remove(request);
    request.pairing?.giveUp(why);
    for (const each of this.#listeners) each.over?.(request);
  }

  #cancelSoon(request: LiveRequest): void {
    const { graceMs = 500 } = this.#options;
    // The answer's end passes the observe stream, which may be some ms behind.
    setTimeout(() => this.#cancelTwins(request), graceMs).unref();
  }

  #cancelTwins({ measured, twins }: LiveRequest): void {
    const { canCancel, onCancel } = this.#options;
    if (measured === undefined || measured.isWhole || measured.isCut) return;
    for (const { mirror, fail, measured: own } of twins) {
      if (fail === undefined || !canCancel(mirror)) continue;
      own?.recorder?.cut("propagated_cancel");
      onCancel(mirror);
      fail();
    }
  }
}

const awaitsStream = (leg: LiveLeg) => leg.awaitsStream;
const awaitsLine = (leg: LiveLeg) => leg.awaitsLine;

/** Of requests that share an id those with open streams come first: what others await was probably lost. */
function isOpen({ streams }: LiveRequest): 0 | 1 {
  return streams > 0 ? 1 : 0;
}
