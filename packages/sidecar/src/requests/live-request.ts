import type { Lease, PoolState } from "@umbra/scheduler";
import type {
  LegRecorder,
  LegStart,
  Pairing,
  SampleComparison,
  UnmirroredFor,
} from "@umbra/shadow";
import type { ComparedReading } from "../answers/compared-reading.ts";
import type { TakenPair } from "../answers/text-places.ts";
import type { Texts } from "../capture/captures.ts";
import type { RequestAccount } from "../decision/request-account.ts";
import type { MirrorGate } from "../mirror/mirror-gate.ts";
import type { GatedMirror } from "../mirror/mirror-registry.ts";
import type { LoggedAnswer } from "./logged-answer.ts";
import type { TabledRequest } from "./requests-by-id.ts";

/** Data about a measured leg that only the pick has and the observe stream does not carry. */
export interface PickedLeg
  extends Omit<LegStart, "requestId" | "lane" | "pool" | "timeoutMs" | "unmirrored"> {
  readonly unmirrored?: readonly Unmirrored[];
}

/** A mirror that does not get a twin of a request, with the controller that decided so. */
export interface Unmirrored extends UnmirroredFor {
  readonly gate: MirrorGate;
}

/** A leg whose answer is measured through an observe stream. */
export class MeasuredLeg {
  readonly picked: PickedLeg;
  /** Is notified of the end of the answer. */
  readonly account: RequestAccount;
  /** True if the observe stream has started. */
  hasBegun = false;
  /** True if the answer ended, complete or not, and its measurements are known. */
  hasEnded = false;
  /** True if the answer is complete. */
  isWhole = false;
  /** True if measuring stopped early, so that its end is unknown. */
  isCut = false;
  recorder: LegRecorder | undefined = undefined;

  constructor(account: RequestAccount, picked: PickedLeg) {
    this.account = account;
    this.picked = picked;
  }
}

/** One side of a live request. */
export abstract class LiveLeg {
  /** The pool of its pick; undefined before the pick. */
  pool: PoolState | undefined = undefined;
  lease: Lease | undefined = undefined;
  /** Undefined if its answer is not measured. */
  measured: MeasuredLeg | undefined = undefined;
  /** True if the pick stream ended. */
  isOver = false;
  /** True if the result was reported to the pool. */
  isReported = false;
  /** True if an access log line was matched: the next line belongs to another request with the same id. */
  isLogged = false;
  /** The log line's result for a measured answer, used if no measurements arrive. */
  good: LoggedAnswer["last"] = undefined;

  abstract readonly request: LiveRequest;

  /** True while an observe stream or a twin is expected. */
  get awaitsStream(): boolean {
    return this.measured?.hasBegun === false;
  }

  /** True if an access log line can report the endpoint's answer. */
  get awaitsLine(): boolean {
    return this.lease !== undefined && !this.isReported && !this.isLogged;
  }
}

/** A primary request with its twins, or a twin whose primary is unknown here. */
export class LiveRequest extends LiveLeg implements TabledRequest {
  readonly requestId: string;
  older: this | undefined = undefined;
  bucket = 0;
  readonly twins: readonly LiveTwin[];
  /** The client's model name, if the forwarded request has another one. */
  clientModel: string | undefined = undefined;
  /** Pairs its measured legs. */
  pairing: Pairing | undefined = undefined;
  /** Texts kept for captures. */
  texts: Texts | undefined = undefined;
  /** Compares its answers; undefined if they are not compared. */
  compared: ComparedReading | undefined = undefined;
  /** Number of open streams. */
  streams = 1;
  /** When it was sent, if it has twins. */
  sentMs: number | undefined = undefined;
  /** When its last stream ended, if something is still expected. */
  idleSinceMs: number | undefined = undefined;
  /** Its position in the ring of idle requests. */
  place = -1;

  constructor(requestId: string, mirrors: readonly string[], mirrorOf: MirrorOf) {
    super();
    this.requestId = requestId;
    this.twins =
      mirrors.length === 0
        ? noTwins
        : mirrors.map((each) => new LiveTwin(this, each, mirrorOf(each)));
  }

  get request(): this {
    return this;
  }

  /** True if the condition holds for the primary or for a twin. */
  some(isSo: (leg: LiveLeg) => boolean): boolean {
    return isSo(this) || (this.twins.length > 0 && this.twins.some(isSo));
  }

  /** `mirror` selects a twin; undefined selects the primary. */
  legOf(mirror: string | undefined): LiveLeg | undefined {
    return mirror === undefined ? this : this.twinIn(mirror);
  }

  twinIn(mirror: string): LiveTwin | undefined {
    return this.twins.find((twin) => twin.mirror === mirror);
  }

  /** What the answers of the primary and of the mirror's twin say, once both have ended. */
  comparisonOf(mirror: string): SampleComparison | undefined {
    return this.compared?.comparison.outcomeOf(mirror);
  }

  /** The pair's draw for a judge; undefined if it was not drawn, or was returned before. */
  takeDrawn(mirror: string): TakenPair | undefined {
    return this.compared?.comparison.takeDrawn(mirror);
  }

  /** The mirror's controller when the request was picked. */
  gateOf(mirror: string): MirrorGate | undefined {
    const twin = this.twinIn(mirror);
    if (twin !== undefined) return twin.gate;
    return this.measured?.picked.unmirrored?.find((each) => each.mirror === mirror)?.gate;
  }
}

/** Returns the mirror of a name in the current topology. */
export type MirrorOf = (mirror: string) => GatedMirror | undefined;

/** The twin of a request in one mirror. */
export class LiveTwin extends LiveLeg {
  readonly request: LiveRequest;
  readonly mirror: string;
  /** The mirror when the request was picked: a later topology may give its name another meaning. */
  readonly gated: GatedMirror | undefined;
  isPicked = false;
  /** True while its mirror controller counts it as running. */
  isCounted = true;
  /** Ends the twin at any stage; undefined before its pick and after its end. */
  fail: (() => void) | undefined = undefined;

  constructor(request: LiveRequest, mirror: string, gated: GatedMirror | undefined) {
    super();
    this.request = request;
    this.mirror = mirror;
    this.gated = gated;
  }

  get gate(): MirrorGate | undefined {
    return this.gated?.gate;
  }

  get requestId(): string {
    return this.request.requestId;
  }

  override get awaitsStream(): boolean {
    return !this.isPicked || super.awaitsStream;
  }
}

const noTwins: readonly LiveTwin[] = [];
