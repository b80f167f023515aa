import { type Batch, Channel, type Rejection, type Reply } from "./channel.ts";
import type { ClientRequest } from "./client-request.ts";
import { type Kind, kinds } from "./kind.ts";
import { Rollout } from "./rollout.ts";
import type { Resource, Snapshot } from "./snapshot.ts";

/** An answer to be encoded and sent. */
export interface Answer extends Batch {
  readonly kind: Kind;
  readonly nonce: string;
}

/** Resources that a client has accepted, by kind and name: what is offered in place of those that it refuses later. */
export type AcceptedResources = Readonly<Record<Kind, Map<string, Resource>>>;

export interface SessionOptions {
  readonly protocol: "full" | "delta";
  /** Most names that a client may ask for of one kind. */
  readonly maxNames: number;
  /** Of the client's earlier streams; kept up to date. */
  readonly accepted: AcceptedResources;
  /** A nonce that no other answer of the server has. */
  readonly nextNonce: () => string;
  /** An answer goes out. */
  readonly onSent?: (kind: Kind) => void;
  /** A client has replied to an answer. */
  readonly onReply?: (kind: Kind, reply: Exclude<Reply, { readonly kind: "none" }>) => void;
}

/** Longest text of a client's error that is kept. */
const maxErrorLength = 4_096;

/** One stream of one client, without its transport: requests and snapshots go in, answers come out. */
export class Session {
  readonly #options: SessionOptions;
  readonly #channels: Readonly<Record<Kind, Channel>>;
  #rollout = new Rollout();
  #goal: Snapshot | undefined;
  /** True: the client had resources before this stream began. */
  #isReturning = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { protocol, maxNames, accepted } = options;
    const channel = (kind: Kind) =>
      new Channel({ kind, protocol, maxNames, earlier: accepted[kind] });
    this.#channels = {
      cds: channel("cds"),
      eds: channel("eds"),
      sds: channel("sds"),
      ecds: channel("ecds"),
      lds: channel("lds"),
      rds: channel("rds"),
    };
  }

  /** What the client refuses of the newest content, by kind. */
  rejections(kind: Kind): readonly Rejection[] {
    return this.#channels[kind].rejections;
  }

  /** The version of a resource that the client has accepted last. */
  accepted(kind: Kind, name: string): string | undefined {
    return this.#channels[kind].accepted(name);
  }

  /** Whether the client has an older form of a resource that it refuses; undefined where that is not known. */
  hasEarlierForm(kind: Kind, name: string): boolean | undefined {
    return this.#channels[kind].hasEarlierForm(name);
  }

  /** True where the client has taken all of the newest snapshot, refused content aside. */
  get isUpToDate(): boolean {
    return this.#rollout.isDone && kinds.every((kind) => this.#isSettled(kind));
  }

  /** True where the client has the newest endpoints of the clusters that it knows, refused ones aside. */
  get hasEndpoints(): boolean {
    const { eds } = this.#channels;
    const wanted = this.#goal?.eds;
    if (wanted === undefined || wanted.size === 0) return true;
    // One that returns serves already, by endpoints that it is about to name.
    return eds.isOpen && eds.hasReplied(wanted.values());
  }

  /** True where the client has refused newer listeners or routes, and serves by the older ones. */
  get keepsOlderRoutes(): boolean {
    return this.#channels.lds.keepsOlderForms || this.#channels.rds.keepsOlderForms;
  }

  /** @throws TooManyNames */
  request(request: ClientRequest): readonly Answer[] {
    const { kind } = request;
    if (hasResources(request)) this.#beginAgain();
    const error = request.error?.slice(0, maxErrorLength);
    const given = error === undefined ? request : { ...request, error };
    const reply = this.#channels[kind].take(given);
    if (reply.kind !== "none") this.#options.onReply?.(kind, reply);
    // A cluster that has changed warms again, and waits for its endpoints although they have not changed.
    const isApplied = reply.kind === "ack" || (reply.kind === "nack" && reply.isApplied);
    if (kind === "cds" && isApplied && this.#options.protocol === "full") {
      this.#channels.eds.ask(reply.batch.changed.filter((name) => this.#channels.eds.holds(name)));
    }
    return this.#answers();
  }

  /** The newest configuration. Where answers wait for replies, it is sent after them. */
  update(snapshot: Snapshot): readonly Answer[] {
    this.#goal = snapshot;
    this.#rollout.aimAt(snapshot);
    return this.#answers();
  }

  /** What a returning client has is taken away last, as in any rollout. */
  #beginAgain(): void {
    if (this.#isReturning) return;
    this.#isReturning = true;
    this.#rollout = new Rollout();
    if (this.#goal !== undefined) this.#rollout.aimAt(this.#goal);
  }

  #answers(): readonly Answer[] {
    const answers: Answer[] = [];
    const client = {
      isSettled: (kind: Kind) => this.#isSettled(kind),
      isWarm: () => this.#isWarm(),
      keepsOlderRoutes: () => this.keepsOlderRoutes,
    };
    do {
      for (const kind of kinds) {
        const answer = this.#answerOf(kind);
        if (answer !== undefined) answers.push(answer);
      }
    } while (this.#rollout.advance(client));
    return answers;
  }

  #answerOf(kind: Kind): Answer | undefined {
    const offer = this.#rollout.offer(kind);
    const batch = offer && this.#channels[kind].next(offer);
    if (batch === undefined) return undefined;
    const nonce = this.#options.nextNonce();
    this.#channels[kind].sent(nonce, batch);
    this.#options.onSent?.(kind);
    const { resources, removed, changed } = batch;
    return { kind, nonce, resources, removed, changed };
  }

  #isSettled(kind: Kind): boolean {
    const offer = this.#rollout.offer(kind);
    const channel = this.#channels[kind];
    if (offer === undefined || !channel.isSettled(offer)) return false;
    if (channel.isOpen) return true;
    // Envoy is about to ask for its clusters first, and when it returns for its listeners too.
    const { lds, rds } = this.#channels;
    if (kind === "cds") return lds.isOpen || rds.isOpen;
    return kind !== "lds" || !this.#isReturning;
  }

  /** A cluster with endpoints of its own serves from when it has them. */
  #isWarm(): boolean {
    const clusters = this.#rollout.offer("cds")?.resources ?? new Map<string, Resource>();
    const endpoints = this.#rollout.offer("eds")?.resources;
    for (const name of clusters.keys()) {
      if (endpoints?.has(name) !== true || !this.#channels.cds.holds(name)) continue;
      if (!this.#channels.eds.holds(name) && !this.#channels.eds.isRejected(name)) return false;
    }
    return true;
  }
}

/** True for the first request of a kind from a client that connects again. */
function hasResources({ nonce, change }: ClientRequest): boolean {
  if (nonce !== "") return false;
  return change.form === "full" ? change.version !== "" : change.initialVersions.size > 0;
}
