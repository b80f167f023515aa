import { type ClientRequest, TooManyNames } from "./client-request.ts";
import { isOneByOne, isWhole, type Kind } from "./kind.ts";
import { blamed, listedIn } from "./refused-names.ts";
import { type Resource, versionOf } from "./snapshot.ts";
import { createSubscription, type Subscription } from "./subscription.ts";

/** What one answer of a kind holds. */
export interface Batch {
  readonly resources: readonly Resource[];
  /** Names that the client must drop; in state of the world they are left out of `resources`. */
  readonly removed: readonly string[];
  /** Names whose content is new to the client. */
  readonly changed: readonly string[];
}

/** A batch that is about to go out. */
interface NextBatch extends Batch {
  /** True: the client asks for something that it has. */
  readonly isAsked: boolean;
  /** True: it holds one name by itself, and others wait for their turn. */
  readonly isTrial: boolean;
}

/** A resource that a client has refused. Its last accepted form is offered instead until its content changes. */
export interface Rejection {
  readonly name: string;
  readonly version: string;
  /** The client's own words. */
  readonly message: string;
}

/** What a request replies to the answer before it. */
export type Reply =
  | { readonly kind: "none" }
  | { readonly kind: "ack"; readonly batch: Batch }
  | {
      readonly kind: "nack";
      readonly batch: Batch;
      readonly rejections: readonly Rejection[];
      /** True: the client has applied all that is not rejected. */
      readonly isApplied: boolean;
    };

export interface ChannelOptions {
  readonly kind: Kind;
  readonly protocol: "full" | "delta";
  readonly maxNames: number;
  /** Bytes of resources that the client accepted on an earlier stream, by name. */
  readonly earlier: Map<string, Resource>;
}

/** What a client is to have of a kind, at one step of a rollout. Compared by identity. */
export interface Offer {
  readonly resources: ReadonlyMap<string, Resource>;
  /** False: what the client has besides is left as it is for now. */
  readonly mayRemove: boolean;
}

/** One kind of one client: what it wants, has accepted and has refused, and the one answer that it has not replied to. */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #subscription: Subscription = createSubscription();
  /** Versions that the client has, by name. */
  readonly #accepted = new Map<string, string>();
  readonly #rejected = new Map<string, Rejection>();
  /** Names that are offered one by one, as the client refused them together and did not say which of them is wrong. */
  readonly #alone = new Set<string>();
  /** State of the world: refused names that the client may still have in a form of an earlier stream. */
  readonly #mayHold = new Set<string>();
  /** Names that get an answer although they have not changed. */
  readonly #asked = new Set<string>();
  #pending: { readonly nonce: string; readonly batch: Batch } | undefined;
  #isOpen = false;
  /** The content of the first request, until the first answer is made. */
  #first: ClientRequest["change"] | undefined;
  /** True: the first answer goes out even if it is empty, since the client waits for it. */
  #mustAnswer = false;
  /** The offer that nothing had to be sent of, as long as nothing else has changed. */
  #settled: Offer | undefined;
  /** True: the client had resources before this stream began, and keeps those that it accepted then. */
  #isReturning = false;
  /** True: the client had resources before this stream began, and we don't know which. */
  #hadUnnamed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get rejections(): readonly Rejection[] {
    return [...this.#rejected.values()];
  }

  /** True once the client has asked for something of the kind. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The version that the client has accepted last. */
  accepted(name: string): string | undefined {
    return this.#accepted.get(name);
  }

  /** True where the client has the resource in any version. */
  holds(name: string): boolean {
    return this.#accepted.has(name);
  }

  /** Whether the client has an older form of a name that it refuses; undefined where that is not known. */
  hasEarlierForm(name: string): boolean | undefined {
    if (this.#accepted.has(name)) return true;
    return this.#hadUnnamed ? undefined : false;
  }

  /** True where the client keeps an accepted form of something whose newest form it has refused. */
  get keepsOlderForms(): boolean {
    const names = [...this.#rejected.keys()];
    return names.some((name) => this.#accepted.has(name) || this.#mayHold.has(name));
  }

  /** True where the client has accepted or refused each of these that it wants, and nothing else is on its way. */
  hasReplied(resources: Iterable<Resource>): boolean {
    const { batch } = this.#pending ?? {};
    const sent = batch && new Map(batch.resources.map(({ name, version }) => [name, version]));
    for (const { name, version } of resources) {
      if (!this.#subscription.covers(name)) continue;
      const last = sent?.get(name) ?? this.#accepted.get(name);
      const isSame = last === version && this.#accepted.get(name) === version;
      if (!isSame && this.#rejected.get(name)?.version !== version) return false;
    }
    return true;
  }

  isRejected(name: string): boolean {
    return this.#rejected.has(name);
  }

  /** Sends these names again, if the client wants them. */
  ask(names: readonly string[]): void {
    for (const name of names) if (this.#subscription.covers(name)) this.#asked.add(name);
    this.#settled = undefined;
  }

  /** @throws TooManyNames */
  take({ nonce, error, change }: ClientRequest): Reply {
    const { maxNames } = this.#options;
    if (change.form === "delta" && change.initialVersions.size > maxNames) {
      throw new TooManyNames(`more than ${maxNames} initial versions`);
    }
    this.#settled = undefined;
    const reply = this.#settle(nonce, error);
    const asked = this.#subscription.take(change, maxNames);
    // A reply repeats its names; any other request asks for them.
    if (reply.kind === "none" || change.form === "delta")
      for (const name of asked) this.#asked.add(name);
    else for (const name of asked) if (!this.#accepted.has(name)) this.#asked.add(name);
    for (const names of [this.#accepted, this.#asked]) {
      for (const name of names.keys()) if (!this.#subscription.covers(name)) names.delete(name);
    }
    if (this.#asked.size > maxNames) throw new TooManyNames(`more than ${maxNames} names`);
    if (!this.#isOpen) {
      this.#first = change;
      this.#hadUnnamed = change.form === "full" && change.version !== "";
    }
    this.#isOpen = true;
    return reply;
  }

  /** What has to be sent so that the client has the offer; undefined while it has not replied, or has it. */
  next(offer: Offer): Batch | undefined {
    if (!this.#isOpen || this.#pending !== undefined || this.#settled === offer) return undefined;
    if (this.#first !== undefined) this.#open(this.#first, offer);
    this.#first = undefined;
    const batch = this.#batchOf(offer);
    if (offer.mayRemove) this.#forget(offer);
    this.#answerAsked(batch);
    const isEmpty = batch.resources.length === 0 && batch.removed.length === 0;
    const isNeeded = this.#isFull ? batch.changed.length > 0 || batch.removed.length > 0 : !isEmpty;
    if (isNeeded || this.#mustAnswer || batch.isAsked) return batch;
    this.#settled = offer;
    return undefined;
  }

  /** What is held back while a name goes out by itself is answered later. */
  #answerAsked({ resources, removed, isTrial }: NextBatch): void {
    if (!isTrial) {
      this.#asked.clear();
      return;
    }
    for (const { name } of resources) this.#asked.delete(name);
    for (const name of removed) this.#asked.delete(name);
  }

  /** The one name that goes out by itself, so that it is clear what the client's reply is about. */
  #trialOf(changed: readonly Resource[]): Resource | undefined {
    if (this.#isFull) return undefined;
    if (isOneByOne(this.#options.kind)) return changed[0];
    const [first] = this.#alone;
    return changed.find(({ name }) => name === first);
  }

  /** The batch has gone out under this nonce. */
  sent(nonce: string, batch: Batch): void {
    this.#pending = { nonce, batch };
    this.#mustAnswer = false;
  }

  /** True where nothing is left to send of the offer, and nothing waits for a reply. */
  isSettled(offer: Offer): boolean {
    return !this.#isOpen || (this.#pending === undefined && this.#settled === offer);
  }

  /** State of the world, and a kind that always goes out as a whole. */
  get #isFull(): boolean {
    return this.#options.protocol === "full" && isWhole(this.#options.kind);
  }

  #open(change: ClientRequest["change"], offer: Offer): void {
    this.#mustAnswer = this.#subscription.isWildcard;
    if (change.form === "delta") {
      if (change.initialVersions.size > 0) this.#mustAnswer = false;
      for (const [name, version] of change.initialVersions) this.#accepted.set(name, version);
    } else if (this.#isFull && change.version !== "") {
      const wanted = this.#wanted({ ...offer, mayRemove: true });
      this.#isReturning = versionOf(wanted.values()) !== change.version;
      if (this.#isReturning) return;
      for (const [name, resource] of wanted) {
        this.#accepted.set(name, resource.version);
        this.#options.earlier.set(name, resource);
      }
      // It is answered all the same: of an answer that it refused, it may have applied a part under this version.
      this.#asked.clear();
    }
  }

  #settle(nonce: string, error: string | undefined): Reply {
    const pending = this.#pending;
    // The reply to an older answer does not concern the newest.
    if (pending === undefined || pending.nonce !== nonce) return { kind: "none" };
    this.#pending = undefined;
    const { batch } = pending;
    if (error !== undefined) {
      return { kind: "nack", batch, ...this.#reject(batch, error) };
    }
    this.#accept(batch);
    return { kind: "ack", batch };
  }

  #accept({ resources, removed }: Batch): void {
    // What a whole answer leaves out is gone.
    if (this.#isFull) {
      this.#accepted.clear();
      const names = new Set(resources.map(({ name }) => name));
      for (const name of this.#mayHold) if (!names.has(name)) this.#mayHold.delete(name);
    }
    for (const resource of resources) {
      const { name, version } = resource;
      this.#accepted.set(name, version);
      this.#mayHold.delete(name);
      this.#options.earlier.set(name, resource);
      this.#alone.delete(name);
      if (this.#rejected.get(name)?.version === version) this.#rejected.delete(name);
    }
    for (const name of removed) {
      this.#accepted.delete(name);
      this.#options.earlier.delete(name);
    }
  }

  /** Marks what is wrong in a refused batch, as far as it can be known. */
  #reject(batch: Batch, message: string): Omit<Extract<Reply, { kind: "nack" }>, "kind" | "batch"> {
    const isNew = ({ name, version }: Resource) => this.#rejected.get(name)?.version !== version;
    const fresh = batch.resources.filter(isNew).map(({ name }) => name);
    const suspects = batch.changed.length > 0 ? batch.changed : fresh;
    const again = batch.resources.filter((each) => !isNew(each)).map(({ name }) => name);
    // Content that was refused before is refused again: the client has applied the rest.
    const isApplied =
      listedIn(message, suspects).length === 0 && listedIn(message, again).length > 0;
    if (isApplied) {
      this.#acceptRest(batch);
      return { rejections: [], isApplied };
    }
    const { guilty, unclear } = blamed(message, suspects);
    for (const name of unclear) this.#alone.add(name);
    const versions = new Map(batch.resources.map(({ name, version }) => [name, version]));
    const rejections = guilty.map((name) => ({
      name,
      version: versions.get(name) ?? "",
      message,
    }));
    for (const rejection of rejections) this.#mark(rejection);
    return { rejections, isApplied };
  }

  #acceptRest(batch: Batch): void {
    const resources = batch.resources.filter(
      ({ name, version }) => this.#rejected.get(name)?.version !== version,
    );
    const held = [...this.#mayHold];
    this.#accept({ ...batch, resources });
    const names = new Set(batch.resources.map(({ name }) => name));
    for (const name of held) {
      if (names.has(name) && !this.#accepted.has(name)) this.#mayHold.add(name);
    }
  }

  #mark(rejection: Rejection): void {
    const { name, version } = rejection;
    this.#alone.delete(name);
    if (this.#isFull && !this.#accepted.has(name)) this.#mayHold.add(name);
    // Another client of the same id may have accepted it: it can't take the place of refused content here.
    const isEarlier = this.#options.earlier.get(name)?.version === version;
    if (isEarlier) this.#options.earlier.delete(name);
    if (!isEarlier || !this.#rejected.has(name)) this.#rejected.set(name, rejection);
  }

  #batchOf(offer: Offer): NextBatch {
    const wanted = this.#wanted(offer);
    const all = [...wanted.values()];
    const changed = all.filter(
      ({ name, version }) =>
        this.#accepted.get(name) !== version && this.#rejected.get(name)?.version !== version,
    );
    // What the view names is never taken away: the client keeps its own form of what it refuses.
    const isGone = (name: string) => !wanted.has(name) && !offer.resources.has(name);
    const held = new Set([...this.#accepted.keys(), ...this.#mayHold]);
    const gone = offer.mayRemove ? [...held].filter(isGone) : [];
    const trial = this.#trialOf(changed);
    const names = trial === undefined ? changed.map(({ name }) => name) : [trial.name];
    const known = [...this.#asked].filter((name) => wanted.has(name));
    if (this.#isFull) {
      const isAsked = known.length > 0;
      return { resources: all, removed: gone, changed: names, isAsked, isTrial: false };
    }
    const isTrial = trial !== undefined;
    const sent = new Set(isTrial ? names : [...names, ...known]);
    const resources = all.filter(({ name }) => sent.has(name));
    // State of the world has no word for "there is none": a cluster's or a listener's own going says it.
    if (this.#options.protocol === "full") {
      for (const name of gone) {
        this.#accepted.delete(name);
        this.#options.earlier.delete(name);
      }
      return { resources, removed: [], changed: names, isAsked: false, isTrial };
    }
    const missing = [...this.#asked].filter(
      (name) => isGone(name) || (!wanted.has(name) && !this.#accepted.has(name)),
    );
    const removed = [...new Set([...gone, ...missing])];
    return { resources, removed, changed: names, isAsked: false, isTrial };
  }

  /** What the client is to have: its names of the view, refused content replaced by what it accepted last. */
  #wanted({ resources: view, mayRemove }: Offer): ReadonlyMap<string, Resource> {
    for (const name of this.#alone) {
      const isWanted = view.has(name) && this.#subscription.covers(name);
      if (!isWanted || view.get(name)?.version === this.#accepted.get(name)) {
        this.#alone.delete(name);
      }
    }
    for (const name of this.#rejected.keys()) if (!view.has(name)) this.#rejected.delete(name);
    const [first] = this.#alone;
    const wanted = new Map<string, Resource>();
    for (const [name, resource] of view) {
      if (!this.#subscription.covers(name)) continue;
      const rejection = this.#rejected.get(name);
      if (rejection !== undefined && rejection.version !== resource.version)
        this.#rejected.delete(name);
      const isHeld =
        rejection?.version === resource.version || (this.#alone.has(name) && name !== first);
      const chosen = isHeld ? this.#olderForm(resource, rejection) : resource;
      if (chosen !== undefined) wanted.set(name, chosen);
    }
    // What the client had before this stream is removed in the steps that may remove.
    if (!this.#isReturning || mayRemove) return wanted;
    for (const [name, resource] of this.#options.earlier) {
      if (!wanted.has(name) && this.#subscription.covers(name)) wanted.set(name, resource);
    }
    return wanted;
  }

  /** What is offered in place of content that is refused or waits for its turn. */
  #olderForm(resource: Resource, rejection: Rejection | undefined): Resource | undefined {
    const { name, version } = resource;
    const earlier = this.#options.earlier.get(name);
    if (earlier !== undefined && earlier.version !== rejection?.version) return earlier;
    // An answer that leaves the name out would remove the form that the client has. Where its error lists what it refuses,
    // it applies the rest.
    const isListed =
      rejection?.version === version && listedIn(rejection.message, [name]).length > 0;
    return this.#isFull && isListed ? resource : undefined;
  }

  /** Drops earlier forms of what is no longer offered, and is not with the client either. */
  #forget({ resources }: Offer): void {
    const { earlier } = this.#options;
    for (const name of earlier.keys()) {
      if (!resources.has(name) && !this.#accepted.has(name)) earlier.delete(name);
    }
  }
}
