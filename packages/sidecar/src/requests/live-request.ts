import type { Lease } from "@umbra/scheduler";
import type { LegRecorder, Pairing, UnmirroredFor } from "@umbra/shadow";
import type { Texts } from "../capture/captures.ts";
import type { RequestAccount } from "../decision/request-account.ts";
import type { TabledRequest } from "./requests-by-id.ts";

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

/** A leg whose answer is measured: its copies come on an observe stream. */
export class MeasuredLeg {
  readonly picked: PickedLeg;
  /** Learns how the answer ends. */
  readonly account: RequestAccount;
  /** The observe stream has come. */
  hasBegun = false;
  /** The answer has come to its end. */
  isAnswered = false;
  recorder: LegRecorder | undefined = undefined;

  constructor(account: RequestAccount, picked: PickedLeg) {
    this.picked = picked;
    this.account = account;
  }
}

/** One side of a live request. */
export abstract class LiveLeg {
  /** Undefined where its answer is not measured. */
  measured: MeasuredLeg | undefined = undefined;

  abstract readonly request: LiveRequest;

  /** An observe stream is to come. */
  get awaitsMeasuring(): boolean {
    return this.measured?.hasBegun === false;
  }
}

/** One primary, with its twins; or a twin whose primary is not known here. */
export class LiveRequest extends LiveLeg implements TabledRequest {
  readonly requestId: string;
  older: this | undefined = undefined;
  readonly twins: readonly LiveTwin[];
  /** The model that the client named, where the copies carry another. */
  clientModel: string | undefined = undefined;
  /** Of its measured legs. */
  pairing: Pairing | undefined = undefined;
  /** What captures keep of it. */
  texts: Texts | undefined = undefined;
  /** Streams that are open. */
  streams = 1;
  idleSinceMs = 0;

  constructor(requestId: string, mirrors: readonly string[]) {
    super();
    this.requestId = requestId;
    this.twins = mirrors.length === 0 ? noTwins : mirrors.map((each) => new LiveTwin(this, each));
  }

  get request(): this {
    return this;
  }

  get isAwaiting(): boolean {
    return this.awaitsMeasuring || this.twins.some((twin) => twin.isAwaiting);
  }

  /** `mirror`: of a twin; undefined: the primary's. */
  legOf(mirror: string | undefined): LiveLeg | undefined {
    return mirror === undefined ? this : this.twins.find((twin) => twin.mirror === mirror);
  }

  /** The twin in the mirror, where it is still to be picked. */
  awaitedIn(mirror: string): LiveTwin | undefined {
    return this.twins.find((twin) => twin.mirror === mirror && !twin.isPicked);
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

  get isAwaiting(): boolean {
    return !this.isPicked || this.awaitsMeasuring;
  }
}

const noTwins: readonly LiveTwin[] = [];
