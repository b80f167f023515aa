import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Call, CallHandler, Message } from "@umbra/grpc";
import { type AdsServer, type Kind, kinds, typeUrlOf } from "@umbra/xds";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "@umbra/xds/internal";

export type Form = "full" | "delta";

/** An answer as a client reads it. */
export interface ReadAnswer {
  readonly kind: Kind;
  readonly nonce: string;
  readonly version: string;
  /** Texts of the resources, in the order of the answer. */
  readonly texts: readonly string[];
  readonly removed: readonly string[];
  /** Delta: versions by name. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface Request {
  readonly kind?: Kind;
  readonly typeUrl?: string;
  readonly node?: string;
  readonly nonce?: string;
  readonly version?: string;
  readonly error?: string;
  /** State of the world: all names. Delta: names to subscribe to. */
  readonly names?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly initial?: Readonly<Record<string, string>>;
}

/** A client that says exactly what a test tells it to, on a call without a network. */
export class ScriptedClient {
  readonly answers: ReadAnswer[] = [];
  failure: string | undefined;
  readonly #form: Form;
  readonly #handler: CallHandler;
  #isOver = false;

  constructor(server: AdsServer, form: Form) {
    this.#form = form;
    const method = [...server.methods].find(([path]) =>
      path.includes(form === "full" ? "/Stream" : "/Delta"),
    );
    const call: Call = {
      metadata: { get: () => undefined },
      send: (messages) => {
        if (!this.#isOver)
          this.answers.push(...messages.map((each) => readAnswer(form, bytesOf(each))));
      },
      end: () => this.close(),
      fail: (_code, message) => {
        this.failure = message;
        this.close();
      },
    };
    this.#handler = (method as NonNullable<typeof method>)[1](call);
  }

  /** The answers received since the last call. */
  taken(): readonly ReadAnswer[] {
    return this.answers.splice(0);
  }

  say(request: Request): void {
    if (!this.#isOver) this.#handler.onMessage(writeRequest(this.#form, request));
  }

  /** Sends these bytes as a message. */
  sayBytes(bytes: Uint8Array): void {
    if (!this.#isOver) this.#handler.onMessage(bytes);
  }

  /** Accepts an answer. State of the world repeats the names. */
  ack({ kind, nonce, version }: ReadAnswer, names: readonly string[] = []): void {
    this.say(this.#form === "full" ? { kind, nonce, version, names } : { kind, nonce });
  }

  /** Refuses an answer. */
  nack({ kind, nonce }: ReadAnswer, error: string, names: readonly string[] = []): void {
    this.say(this.#form === "full" ? { kind, nonce, error, names } : { kind, nonce, error });
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handler?.onClose();
  }
}

function writeRequest(form: Form, request: Request): Uint8Array {
  const { kind, node, nonce = "", version = "", error, names = [], unsubscribe = [] } = request;
  const typeUrl = request.typeUrl ?? (kind === undefined ? "" : typeUrlOf(kind));
  const shared = {
    typeUrl,
    responseNonce: nonce,
    ...(node === undefined ? {} : { node: { id: node } }),
    ...(error === undefined ? {} : { errorDetail: { code: 3, message: error } }),
  };
  if (form === "full") {
    const message = { ...shared, versionInfo: version, resourceNames: [...names] };
    return toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, message));
  }
  return toBinary(
    DeltaDiscoveryRequestSchema,
    create(DeltaDiscoveryRequestSchema, {
      ...shared,
      resourceNamesSubscribe: [...names],
      resourceNamesUnsubscribe: [...unsubscribe],
      initialResourceVersions: { ...request.initial },
    }),
  );
}

function readAnswer(form: Form, bytes: Uint8Array): ReadAnswer {
  if (form === "full") {
    const from = fromBinary(DiscoveryResponseSchema, bytes);
    const texts = from.resources.map(({ value }) => textOf(value));
    const { nonce, versionInfo: version, typeUrl } = from;
    return { kind: kindOfUrl(typeUrl), nonce, version, texts, removed: [], versions: {} };
  }
  const from = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  return {
    kind: kindOfUrl(from.typeUrl),
    nonce: from.nonce,
    version: "",
    texts: from.resources.map(({ resource }) => textOf(resource?.value ?? new Uint8Array())),
    removed: from.removedResources,
    versions: Object.fromEntries(from.resources.map(({ name, version }) => [name, version])),
  };
}

function kindOfUrl(url: string): Kind {
  const kind = kinds.find((each) => typeUrlOf(each) === url);
  if (kind === undefined) throw new Error(`${url} is no type of ours`);
  return kind;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

function bytesOf(message: Message): Uint8Array {
  if (message instanceof Uint8Array) return message;
  const head = new Uint8Array(32);
  const start = message.writeHead(head, head.length);
  return Buffer.concat([head.subarray(start), message.body]);
}
