/** Called at the start of each call of a method. */
export type Method = (call: Call) => CallHandler;

/** One call, as the server sees it. */
export interface Call {
  /** Call metadata, names in lower case. Only valid until the handler has received its first message. */
  readonly metadata: { get(name: string): string | undefined };
  /** Sends messages; those of one turn go out together. Ignored once the call is over. */
  send(messages: readonly Message[]): void;
  /** Ends the call with OK. */
  end(): void;
  /** Ends the call with an error. */
  fail(code: StatusCode, message: string): void;
}

/** Handles one call. An exception ends only this call. */
export interface CallHandler {
  /** Receives a message. The handler owns the bytes. */
  onMessage(bytes: Uint8Array): void;
  /** The client has sent everything. */
  onEnd(): void;
  /** The call has ended for any reason; called once. */
  onClose(): void;
}

/** An encoded message: one piece, or a head and a body that is copied late or never. */
export type Message = Uint8Array | HeadedMessage;

/** A message whose body already exists. Its head is written directly to the output buffer, without an allocation. */
export interface HeadedMessage {
  readonly body: Uint8Array;
  /** Writes the head so that it ends before `end`. Returns its start, at most `maxHeadBytes` before `end`. */
  writeHead(into: Uint8Array, end: number): number;
}

/** Longest head of a `HeadedMessage`, in bytes. */
export const maxHeadBytes = 32;

/** How a call ends. */
export interface Failure {
  readonly code: StatusCode;
  readonly message: string;
}

/** The gRPC status codes that Umbra uses. */
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
