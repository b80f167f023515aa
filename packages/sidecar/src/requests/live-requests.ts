import { destinationHeader, mirrorHeader } from "@umbra/envoy-config";
import type { AccessLogEntry } from "@umbra/ext-proc";
import type { RequestObserver } from "../decision/request-observer.ts";
import { type LiveLeg, LiveRequest, type LiveTwin, type MirrorOf } from "./live-request.ts";
import { RequestsById } from "./requests-by-id.ts";

export interface LiveRequestsOptions {
  /** True if the mirror's lane ends a request when its pick stream fails. */
  readonly canCancel: (mirror: string) => boolean;
  readonly onCancel: (mirror: string) => void;
  /** Absent: twins are not assigned to a mirror controller. */
  readonly mirrorOf?: MirrorOf;
  readonly observers: readonly RequestObserver<LiveRequest>[];
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Uniform in [0, 1); `Math.random` when absent. */
  readonly random?: () => number;
  /** How much later than the pick stream the observe stream may end, in ms; 500 when absent. */
  readonly graceMs?: number;
}

/** Maximum requests; newer ones are not tracked. */
const maxRequests = 65_536;
/** Maximum idle requests; the oldest is removed. A power of two. */
const maxIdle = 8_192;
/** Limit for requests kept only for an access log, as long as no log line arrived: the gateway may not send any. */
const maxIdleUnlogged = 256;
/** An access log reports the first requests within a second. After this many picks without a line, there is no access log. */
const maxUnheard = 10_000;
/**
 * Maximum idle time of a request. Twins leave with the request itself, and an access log line arrives a few ms after
 * its end, so nothing arrives after this time.
 */
const maxIdleMs = 10_000;

/**
 * Requests from their pick until nothing more is expected: requests with twins, twins, measured requests, and requests
 * that an access log may report. A request is idle if its streams ended and something is still expected.
 */
export class LiveRequests {
  readonly #options: LiveRequestsOptions;
  readonly #requests: RequestsById<LiveRequest>;
  /** Observers that need more than the recorder reports. */
  readonly #listeners: readonly RequestObserver<LiveRequest>[];
  /** Ring of idle requests, from `#oldest` to `#next`. */
  readonly #idle: (LiveRequest | undefined)[] = new Array(maxIdle).fill(undefined);
  readonly #mirrorOf: MirrorOf;
  /** Twins of all requests, by mirror. */
  readonly #twins = new Map<string, number>();
  #oldest = 0;
  #next = 0;
  #idleCount = 0;
  #hasLog = false;
  #unheard = 0;

  constructor(options: LiveRequestsOptions) {
    const { random = Math.random } = options;
    this.#options = options;
    this.#mirrorOf = options.mirrorOf ?? (() => undefined);
    this.#listeners = options.observers.filter(
      ({ logged, over, twinLost }) => (logged ?? over ?? twinLost) !== undefined,
    );
    this.#requests = new RequestsById({ maxRequests, seed: Math.floor(random() * 2 ** 32) });
  }

  get size(): number {
    return this.#requests.size;
  }

  /** True if a request without twins that is not measured should be tracked, because an access log may report it. */
  get awaitsLog(): boolean {
    return this.#hasLog || this.#unheard < maxUnheard;
  }

  /** Tracks a primary request that is sent to its endpoint, with twins in these mirrors. Undefined if there is no room. */
  begin(requestId: string, mirrors: readonly string[]): LiveRequest | undefined {
    if (!this.#hasLog) this.#unheard++;
    const request = new LiveRequest(requestId, mirrors, this.#mirrorOf);
    if (mirrors.length > 0) request.sentMs = this.#options.now();
    if (!this.#requests.add(request)) {
      if (mirrors.length > 0) this.#makeRoom(requestId);
      if (!this.#requests.add(request)) return undefined;
    }
    for (const { mirror } of request.twins) this.#countTwin(mirror, 1);
    return request;
  }

  /** True while a request has a twin in the mirror. */
  isNamed(mirror: string): boolean {
    return this.#twins.has(mirror);
  }

  #countTwin(mirror: string, by: 1 | -1): void {
    const count = (this.#twins.get(mirror) ?? 0) + by;
    if (count === 0) this.#twins.delete(mirror);
    else this.#twins.set(mirror, count);
  }

  /** Returns the request that expects a twin in the mirror. */
  expecting(requestId: string, mirror: string): LiveRequest | undefined {
    return this.#requests.find(requestId, (each) =>
      each.twinIn(mirror)?.isPicked === false ? isOpen(each) : -1,
    );
  }

  /** Tracks a twin that arrived. `fail` ends it at any stage. Undefined if there is no room. */
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

  /** Ends a twin that exceeds the limits of an answer, if its lane supports it. */
  endTwin({ fail, mirror }: LiveTwin): void {
    if (this.#options.canCancel(mirror)) fail?.();
  }

  /** Returns the leg of a new observe stream: once, and only if it is measured. `mirror` is given for a twin. */
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

  /** True if another request with this id is being measured: then twins can't be assigned. */
  isShared(request: LiveRequest): boolean {
    const other = this.#requests.find(request.requestId, (each) =>
      each !== request && each.pairing?.isWaiting === true ? 0 : -1,
    );
    return other !== undefined;
  }

  /**
   * Handles an access log line, for the oldest leg with its id that has no line yet, preferably one that was sent to
   * the line's endpoint. The line does not contain the pool of a primary.
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

  /** A counted stream ended. */
  streamOver(request: LiveRequest): void {
    request.streams--;
    if (request.streams === 0) this.#settle(request);
  }

  /**
   * The primary's pick stream ended: the answer is complete, or the client disconnected. In the second case, ends its
   * twins: Envoy cancels the primary itself, but twins would continue.
   */
  primaryOver(request: LiveRequest): void {
    const { measured, twins } = request;
    if (measured !== undefined && twins.length > 0 && !measured.isWhole) this.#cancelSoon(request);
    this.streamOver(request);
  }

  /** Removes requests that are idle for too long, and gives up twins that run for too long. Call this regularly. */
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

  /** Twins leave with their request: those that have not arrived by now are lost. */
  #loseTwins(request: LiveRequest): void {
    request.sentMs = undefined;
    for (const { mirror, isPicked } of request.twins) {
      if (isPicked) continue;
      for (const each of this.#listeners) each.twinLost?.(mirror, request);
    }
  }

  /** Requests that only wait for a log line make room for those with twins. */
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

  /** All its streams ended. */
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
    if (this.#requests.remove(request)) {
      for (const { mirror } of request.twins) this.#countTwin(mirror, -1);
    }
    request.pairing?.giveUp(why);
    for (const each of this.#listeners) each.over?.(request);
  }

  #cancelSoon(request: LiveRequest): void {
    const { graceMs = 500 } = this.#options;
    // The observe stream, which may be a few ms late, carries the end of the answer.
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

/** Of requests with the same id, prefers those with open streams: the others have probably lost their messages. */
function isOpen({ streams }: LiveRequest): 0 | 1 {
  return streams > 0 ? 1 : 0;
}
