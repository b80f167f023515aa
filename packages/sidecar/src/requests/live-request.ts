import type { Lease, PoolState } from "@umbra/scheduler";
import type { LegRecorder, LegStart, Pairing } from "@umbra/shadow";
import type { Texts } from "../capture/captures.ts";
import type { RequestAccount } from "../decision/request-account.ts";
import type { LoggedAnswer } from "./logged-answer.ts";
import type { TabledRequest } from "./requests-by-id.ts";

/** What the pick knows of a measured leg, and its copies on the observe stream do not carry. */
export type PickedLeg = Omit<LegStart, "requestId" | "lane" | "pool" | "timeoutMs">;

/** A leg whose answer is measured: its copies come on an observe stream. */
export class MeasuredLeg {
  readonly picked: PickedLeg;
  /** Learns how the answer ends. */
  readonly account: RequestAccount;
  /** The observe stream has come. */
  hasBegun = false;
  /** The answer has ended, whole or not, and what was read of it is known. */
  hasEnded = false;
  /** The answer has come to its end. */
  isWhole = false;
  /** We measure it no further, and do not know how it ends. */
  isCut = false;
  recorder: LegRecorder | undefined = undefined;

  constructor(account: RequestAccount, picked: PickedLeg) {
    this.account = account;
    this.picked = picked;
  }
}

/** One side of a live request. */
export abstract class LiveLeg {
  /** Where an endpoint was picked for it; undefined before. */
  pool: PoolState | undefined = undefined;
  lease: Lease | undefined = undefined;
  /** Undefined where its answer is not measured. */
  measured: MeasuredLeg | undefined = undefined;
  /** The pick's stream is over. */
  isOver = false;
  /** The pool knows how the endpoint has answered. */
  isReported = false;
  /** A line of an access log was found for it: the next one is of another request with the same id. */
  isLogged = false;
  /** What the line says of a measured answer: reported when no measures come. */
  good: LoggedAnswer["last"] = undefined;

  abstract readonly request: LiveRequest;

  /** An observe stream is to come, or a twin itself. */
  get awaitsStream(): boolean {
    return this.measured?.hasBegun === false;
  }

  /** A line of an access log could tell how the endpoint has answered. */
  get awaitsLine(): boolean {
    return this.lease !== undefined && !this.isReported && !this.isLogged;
  }
}

/** One primary, with its twins; or a twin whose primary is not known here. */
export class LiveRequest extends LiveLeg implements TabledRequest {
  readonly requestId: string;
  older: this | undefined = undefined;
  bucket = 0;
  readonly twins: readonly LiveTwin[];
  /** The model that the client named, where the copies carry another. */
  clientModel: string | undefined = undefined;
  /** Of its measured legs. */
  pairing: Pairing | undefined = undefined;
  /** What captures keep of it. */
  texts: Texts | undefined = undefined;
  /** Streams that are open. */
  streams = 1;
  /** When it was sent, where it has twins. */
  sentMs: number | undefined = undefined;
  /** When the last stream ended that something is awaited behind. */
  idleSinceMs: number | undefined = undefined;
  /** Its place among those that are idle. */
  place = -1;

  constructor(requestId: string, mirrors: readonly string[]) {
    super();
    this.requestId = requestId;
    this.twins = mirrors.length === 0 ? noTwins : mirrors.map((each) => new LiveTwin(this, each));
  }

  get request(): this {
    return this;
  }

  /** Whether it is so of the primary or of a twin. */
  some(isSo: (leg: LiveLeg) => boolean): boolean {
    return isSo(this) || (this.twins.length > 0 && this.twins.some(isSo));
  }

  /** `mirror`: of a twin; undefined: the primary's. */
  legOf(mirror: string | undefined): LiveLeg | undefined {
    return mirror === undefined ? this : this.twinIn(mirror);
  }

  twinIn(mirror: string): LiveTwin | undefined {
    return this.twins.find((twin) => twin.mirror === mirror);
  }
}

/** The copy of a request in one mirror's lane. */
export class LiveTwin extends LiveLeg {
  readonly request: LiveRequest;
  readonly mirror: string;
  isPicked = false;
  /** Its mirror's gate counts it as under way. */
  isCounted = true;
  /** Ends it at whatever point it is; undefined before its pick and after its end. */
  fail: (() => void) | undefined = undefined;

  constructor(request: LiveRequest, mirror: string) {
    super();
    this.request = request;
    this.mirror = mirror;
  }

  get requestId(): string {
    return this.request.requestId;
  }

  override get awaitsStream(): boolean {
    return !this.isPicked || super.awaitsStream;
  }
}

const noTwins: readonly LiveTwin[] = [];
