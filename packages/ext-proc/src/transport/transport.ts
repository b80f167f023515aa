import type { Answer } from "../answers.ts";

/** What the server needs of gRPC, and no more: calls whose messages are bytes. */
export interface Transport {
  /** Binds `host:port` or `unix:/path`; port 0 takes a free one. Returns the address as bound. */
  listen(address: string): Promise<string>;
  /** Takes no new call, waits up to `graceMs` for the open ones, then cuts them. */
  close(graceMs: number): Promise<void>;
  /** Takes what of the certificates has changed; a transport without TLS ignores it. Throws when they can't be used. */
  setCertificates(certificates: Certificates): void;
}

export interface TransportOptions {
  /** By path: `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, Method>;
  /** A longer message ends its call with RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  /** Calls of one connection at once. */
  readonly maxConcurrentStreams: number;
  /** Absent: plaintext. */
  readonly tls?: Certificates;
  /** A method or its handler has thrown: says how the call ends. */
  readonly onThrow: (cause: unknown) => Failure;
}

export interface Failure {
  readonly code: StatusCode;
  readonly message: string;
}

/** PEM texts. */
export interface Certificates {
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate that this authority has signed. */
  readonly clientCa?: string;
}

/** Called at the beginning of each call of a method. */
export type Method = (call: Call) => CallHandler;

/** One call, as the server sees it. */
export interface Call {
  /** Call metadata, names in lower case. To be asked until the handler has taken its first message. */
  readonly metadata: { get(name: string): string | undefined };
  /** Sends messages; those of one turn go out together. Ignored once the call is over. */
  send(messages: readonly Answer[]): void;
  /** Ends the call with OK. */
  end(): void;
  /** Ends the call with an error. */
  fail(code: StatusCode, message: string): void;
}

/** What throws ends its own call and nothing else. */
export interface CallHandler {
  /** The bytes are the handler's own. */
  onMessage(bytes: Uint8Array): void;
  /** The client has said all. */
  onEnd(): void;
  /** The call is over, whoever ended it; called once. */
  onClose(): void;
}

/** gRPC's status codes, as far as we use them. */
export const statusCode = {
  ok: 0,
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;
export type StatusCode = (typeof statusCode)[keyof typeof statusCode];
