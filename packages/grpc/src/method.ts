/** Called at the beginning of each call of a method. */
export type Method = (call: Call) => CallHandler;

/** One call, as the server sees it. */
export interface Call {
  /** Call metadata, names in lower case. Only valid until the handler has taken its first message. */
  readonly metadata: { get(name: string): string | undefined };
  /** Sends messages; those of one turn go out together. Ignored once the call is over. */
  send(messages: readonly Message[]): void;
  /** Ends the call with OK. */
  end(): void;
  /** Ends the call with an error. */
  fail(code: StatusCode, message: string): void;
}

/** What throws ends its own call and nothing else. */
export interface CallHandler {
  /** True while silence is no reason to end the call: it serves what may take hours. Absent: never. */
  readonly isInUse?: boolean;
  /** The bytes are the handler's own. */
  onMessage(bytes: Uint8Array): void;
  /** The client has said all. */
  onEnd(): void;
  /** The call is over, whoever ended it; called once. */
  onClose(): void;
}

/** An encoded message: in one piece, or a head before a body that is copied late or never. */
export type Message = Uint8Array | HeadedMessage;

/** A message whose end is at hand already. Its head is made where it goes out, and costs no memory of its own. */
export interface HeadedMessage {
  readonly body: Uint8Array;
  /** Writes the head so that it ends before `end`; returns where it begins, at most `maxHeadBytes` further down. */
  writeHead(into: Uint8Array, end: number): number;
}

/** Longest head of a `HeadedMessage`, in bytes. */
export const maxHeadBytes = 32;

/** How a call ends. */
export interface Failure {
  readonly code: StatusCode;
  readonly message: string;
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
