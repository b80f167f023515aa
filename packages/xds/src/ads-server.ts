import { type Call, type CallHandler, type Method, methodPath, statusCode } from "@umbra/grpc";
import type { Rejection } from "./channel.ts";
import { TooManyNames } from "./client-request.ts";
import { deltaProtocol } from "./delta-protocol.ts";
import { fullProtocol } from "./full-protocol.ts";
import { AggregatedDiscoveryService } from "./gen/xds/discovery_pb.ts";
import { type Kind, kindOf, kinds } from "./kind.ts";
import type { Protocol, ReadRequest } from "./protocol.ts";
import { type AcceptedResources, type Answer, Session } from "./session.ts";
import type { Snapshot } from "./snapshot.ts";

/** A connected client, for people and metrics. */
export interface ClientState {
  /** As the client names itself, at most 256 characters. */
  readonly nodeId: string;
  /** True if the client has taken all of the newest snapshot, except for what it has refused. */
  readonly isUpToDate: boolean;
  /** True if the client has the newest endpoints of the clusters that it knows, except for refused ones. */
  readonly hasEndpoints: boolean;
  /** True if the client has refused newer listeners or routes, and serves by older ones. */
  readonly keepsOlderRoutes: boolean;
  /**
   * Since when the client has sent nothing although it is not up to date, on the clock of `now`; while it is up to date,
   * when it sent its last request.
   */
  readonly silentSinceMs: number;
  readonly rejections: readonly (Rejection & { readonly kind: Kind })[];
  /** The version of a resource that the client has accepted last. */
  readonly accepted: (kind: Kind, name: string) => string | undefined;
  /** Whether the client has an older form of a resource that it refuses; undefined where that is not known. */
  readonly hasEarlierForm: (kind: Kind, name: string) => boolean | undefined;
}

export interface AdsObserver {
  /** A client has accepted an answer; `tookMs` is since the answer was sent. */
  accepted?(nodeId: string, kind: Kind, tookMs: number): void;
  /** A client has refused an answer. */
  refused?(nodeId: string, kind: Kind, rejections: readonly Rejection[]): void;
  /** A client has asked for a type that is not served. */
  unknownType?(typeUrl: string): void;
  /** A client has everything of the newest snapshot. */
  upToDate?(nodeId: string): void;
  /** A client has connected, replied or disconnected: `clients` may differ. */
  changed?(): void;
}

export interface AdsServerOptions {
  readonly observer?: AdsObserver;
  /** Streams at once; 1,000 when absent. */
  readonly maxClients?: number;
  /** Names that a client may ask for of one kind; 20,000 when absent. */
  readonly maxNames?: number;
  /** Monotonic, in ms; `performance.now` when absent. */
  readonly now?: () => number;
}

/** Envoy's aggregated discovery service, as methods of a gRPC server. */
export interface AdsServer {
  /** Both protocols, by path. SDS hands out private keys: serve them on a Unix socket or with mTLS only. */
  readonly methods: ReadonlyMap<string, Method>;
  /** Gives every client this configuration. Nothing is sent before the first one. */
  update(snapshot: Snapshot): void;
  readonly clients: readonly ClientState[];
  /** Ends all streams; clients connect again elsewhere. */
  close(): void;
}

/** Creates a service that has no configuration yet. */
export function createAdsServer(options: AdsServerOptions = {}): AdsServer {
  return new Server(options);
}

const maxNodeIdLength = 256;
/** Clients whose accepted resources are remembered after their stream has ended. */
const maxRemembered = 256;
/** And for how long: each may hold a whole configuration that is served no more. */
const rememberedMs = 600_000;

class Server implements AdsServer {
  readonly methods: ReadonlyMap<string, Method>;
  readonly #options: AdsServerOptions;
  readonly #streams = new Set<Stream>();
  /** In the order in which they left. */
  readonly #remembered = new Map<string, Remembered>();
  #nonces = 0;
  #snapshot: Snapshot | undefined;

  constructor(options: AdsServerOptions) {
    this.#options = options;
    const { streamAggregatedResources, deltaAggregatedResources } =
      AggregatedDiscoveryService.method;
    this.methods = new Map([
      [methodPath(streamAggregatedResources), (call) => this.#serve(call, fullProtocol)],
      [methodPath(deltaAggregatedResources), (call) => this.#serve(call, deltaProtocol)],
    ]);
  }

  get clients(): readonly ClientState[] {
    return [...this.#streams].flatMap((stream) => stream.state ?? []);
  }

  update(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#forget();
    for (const stream of this.#streams) stream.update(snapshot);
  }

  close(): void {
    for (const { call } of this.#streams) call.end();
  }

  #serve(call: Call, protocol: Protocol): CallHandler {
    const { maxClients = 1_000 } = this.#options;
    const { observer = {} } = this.#options;
    const now = () => this.#now();
    const begin = (nodeId: string) => this.#begin(nodeId, protocol);
    const stream = new Stream(call, { protocol, observer, now, begin });
    if (this.#streams.size >= maxClients) {
      call.fail(statusCode.resourceExhausted, `more than ${maxClients} clients`);
    } else this.#streams.add(stream);
    return {
      // A configuration may stay the same for days.
      isInUse: true,
      onMessage: (bytes) => stream.take(bytes),
      onEnd: () => call.end(),
      onClose: () => {
        if (!this.#streams.delete(stream)) return;
        stream.close();
        observer.changed?.();
      },
    };
  }

  #begin(nodeId: string, protocol: Protocol): Begun {
    const { observer = {}, maxNames = 20_000 } = this.#options;
    const now = () => this.#now();
    const sentAt = new Map<Kind, number>();
    this.#forget();
    const accepted = copied(this.#remembered.get(nodeId)?.accepted);
    const session = new Session({
      protocol: protocol.form,
      maxNames,
      accepted,
      nextNonce: () => (++this.#nonces).toString(36),
      onSent: (kind) => void sentAt.set(kind, now()),
      onReply(kind, reply) {
        if (reply.kind === "nack") observer.refused?.(nodeId, kind, reply.rejections);
        else observer.accepted?.(nodeId, kind, now() - (sentAt.get(kind) ?? now()));
      },
    });
    const onClose = () => this.#remember(nodeId, accepted);
    return { session, snapshot: this.#snapshot, onClose };
  }

  /** For the client's next stream. The clients of longest ago are dropped. */
  #remember(nodeId: string, accepted: AcceptedResources): void {
    this.#remembered.delete(nodeId);
    this.#remembered.set(nodeId, { accepted, leftAtMs: this.#now() });
    this.#forget();
  }

  #forget(): void {
    const since = this.#now() - rememberedMs;
    for (const [nodeId, { leftAtMs }] of this.#remembered) {
      if (this.#remembered.size <= maxRemembered && leftAtMs > since) break;
      this.#remembered.delete(nodeId);
    }
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
  }
}

interface Remembered {
  readonly accepted: AcceptedResources;
  readonly leftAtMs: number;
}

interface Begun {
  readonly session: Session;
  readonly snapshot: Snapshot | undefined;
  readonly onClose: () => void;
}

interface StreamOptions {
  readonly protocol: Protocol;
  readonly observer: AdsObserver;
  readonly now: () => number;
  readonly begin: (nodeId: string) => Begun;
}

/** One stream: reads requests, writes answers. Its session begins with the first request, which names the client. */
class Stream {
  readonly call: Call;
  readonly #options: StreamOptions;
  #nodeId = "";
  #session: Session | undefined;
  #onClose: (() => void) | undefined;
  #wasUpToDate = false;
  #silentSinceMs = 0;
  /** Undefined after whatever may have changed it: all clients are asked for at each request of one. */
  #state: ClientState | undefined;

  constructor(call: Call, options: StreamOptions) {
    this.call = call;
    this.#options = options;
  }

  get state(): ClientState | undefined {
    if (this.#session !== undefined) this.#state ??= this.#stateOf(this.#session);
    return this.#state;
  }

  #stateOf(session: Session): ClientState {
    const rejections = kinds.flatMap((kind) =>
      session.rejections(kind).map((rejection) => ({ ...rejection, kind })),
    );
    const { isUpToDate, hasEndpoints, keepsOlderRoutes } = session;
    const silentSinceMs = this.#silentSinceMs;
    return {
      nodeId: this.#nodeId,
      ...{ isUpToDate, hasEndpoints, keepsOlderRoutes, silentSinceMs, rejections },
      accepted: (kind, name) => session.accepted(kind, name),
      hasEarlierForm: (kind, name) => session.hasEarlierForm(kind, name),
    };
  }

  update(snapshot: Snapshot): void {
    if (this.#session !== undefined) this.#send(this.#session.update(snapshot));
  }

  take(bytes: Uint8Array): void {
    const read = this.#options.protocol.read(bytes);
    const problem = problemOf(read);
    if (problem !== undefined) {
      this.call.fail(statusCode.invalidArgument, problem);
      return;
    }
    this.#silentSinceMs = this.#options.now();
    this.#state = undefined;
    const session = this.#session ?? this.#open(read.nodeId);
    const kind = kindOf(read.typeUrl);
    if (kind === undefined) {
      this.#options.observer.unknownType?.(read.typeUrl);
      return;
    }
    try {
      this.#send(session.request({ ...read.request, kind }));
    } catch (cause) {
      if (!(cause instanceof TooManyNames)) throw cause;
      this.call.fail(statusCode.resourceExhausted, cause.message);
    }
    this.#options.observer.changed?.();
  }

  close(): void {
    this.#onClose?.();
  }

  #open(nodeId: string): Session {
    const { session, snapshot, onClose } = this.#options.begin(nodeId);
    this.#onClose = onClose;
    this.#nodeId = nodeId;
    this.#session = session;
    if (snapshot !== undefined) this.#send(session.update(snapshot));
    return session;
  }

  #send(answers: readonly Answer[]): void {
    this.#state = undefined;
    this.call.send(answers.map((answer) => this.#options.protocol.write(answer)));
    const isUpToDate = this.#session?.isUpToDate === true;
    // It had nothing to say before this.
    if (!isUpToDate && this.#wasUpToDate) this.#silentSinceMs = this.#options.now();
    if (isUpToDate && !this.#wasUpToDate) this.#options.observer.upToDate?.(this.#nodeId);
    this.#wasUpToDate = isUpToDate;
  }
}

function problemOf({ nodeId, typeUrl }: ReadRequest): string | undefined {
  if (typeUrl === "") return "type_url is missing";
  return nodeId.length > maxNodeIdLength
    ? `the node's id is longer than ${maxNodeIdLength} characters`
    : undefined;
}

/** Each stream has its own: several clients may have the same id. */
function copied(accepted: AcceptedResources | undefined): AcceptedResources {
  const copy = (kind: Kind) => new Map(accepted?.[kind]);
  return {
    cds: copy("cds"),
    eds: copy("eds"),
    sds: copy("sds"),
    ecds: copy("ecds"),
    lds: copy("lds"),
    rds: copy("rds"),
  };
}
