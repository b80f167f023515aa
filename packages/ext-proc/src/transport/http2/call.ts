import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Answer } from "../../answers.ts";
import {
  type Call,
  type CallHandler,
  type Failure,
  type Method,
  type StatusCode,
  statusCode,
} from "../transport.ts";
import { acceptedEncodings, type Decompress, decompressorOf } from "./decompress.ts";
import { FramingError, MessageReader, prefixBytes } from "./message-reader.ts";
import { readTimeout } from "./timeout.ts";

const contentType = "application/grpc";
/** Past this many bytes that the client has not taken, nothing more is read from it. */
const mostUnsentBytes = 1024 * 1024;
/** Pieces up to this size are copied into one write; larger ones are written as they are. */
const copiedBytes = 4_096;

/** Serves one HTTP/2 stream as a gRPC call. */
export function serveStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  options: {
    readonly methods: ReadonlyMap<string, Method>;
    readonly maxMessageBytes: number;
    readonly onThrow: (cause: unknown) => Failure;
  },
): void {
  // A reset is an error event too; all that matters of it is the close behind it.
  stream.on("error", () => {});
  if (isGone(stream)) return;
  if (headers[":method"] !== "POST" || !isGrpc(headers["content-type"])) {
    stream.respond({ ":status": headers[":method"] === "POST" ? 415 : 405 }, { endStream: true });
    stream.resume();
    return;
  }
  const call = new Http2Call(stream, headers, options.onThrow);
  const method = options.methods.get(String(headers[":path"]));
  if (method === undefined) {
    call.fail(statusCode.unimplemented, "there is no such method");
    stream.resume();
    return;
  }
  const decompress = decompressorOf(textOf(headers["grpc-encoding"]), options.maxMessageBytes);
  if (decompress === "refused") {
    call.fail(statusCode.unimplemented, `messages may be compressed by ${acceptedEncodings}`);
    stream.resume();
    return;
  }
  const timeout = textOf(headers["grpc-timeout"]);
  const timeoutMs = timeout === undefined ? undefined : readTimeout(timeout);
  if (timeout !== undefined && timeoutMs === undefined) {
    call.fail(statusCode.internal, "grpc-timeout is no timeout");
    stream.resume();
    return;
  }
  call.serve(method, decompress, options.maxMessageBytes, timeoutMs);
}

class Http2Call implements Call {
  readonly metadata: Call["metadata"];
  readonly #stream: ServerHttp2Stream;
  readonly #onThrow: (cause: unknown) => Failure;
  /** What waits for the end of this turn, each piece with its prefix in or before it. */
  #unsent: Uint8Array[] = [];
  /** True while a chunk is read: what is sent then goes out together. */
  #isReading = false;
  #isOver = false;
  #hasEnded = false;
  #status: StatusCode = statusCode.ok;
  #message = "";
  #handler: CallHandler | undefined = undefined;
  /** Messages behind one that is being decompressed wait for it. */
  #decoding: Promise<void> | undefined = undefined;
  #deadline: NodeJS.Timeout | undefined = undefined;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    onThrow: (cause: unknown) => Failure,
  ) {
    this.#stream = stream;
    this.#onThrow = onThrow;
    this.metadata = { get: (name) => textOf(headers[name]) };
  }

  serve(
    method: Method,
    decompress: Decompress | undefined,
    maxMessageBytes: number,
    timeoutMs: number | undefined,
  ): void {
    const stream = this.#stream;
    let handler: CallHandler;
    try {
      handler = method(this);
    } catch (cause) {
      this.#refuse(cause);
      stream.resume();
      return;
    }
    this.#handler = handler;
    const reader = new MessageReader(maxMessageBytes, (message, isCompressed) => {
      if (!isCompressed && this.#decoding === undefined) {
        if (!this.#isOver) handler.onMessage(message);
      } else this.#decode(message, isCompressed, decompress, handler);
    });
    stream.on("data", (chunk: Buffer) => this.#read(reader, chunk));
    stream.on("end", () => {
      if (this.#decoding === undefined) this.#clientEnded(reader, handler);
      else void this.#decoding.then(() => this.#clientEnded(reader, handler));
    });
    stream.on("drain", () => stream.resume());
    stream.on("close", () => this.#close());
    if (timeoutMs !== undefined) {
      this.#deadline = setTimeout(
        () => this.fail(statusCode.deadlineExceeded, "the call's time is over"),
        Math.min(timeoutMs, 2 ** 31 - 1),
      );
    }
  }

  send(messages: readonly Answer[]): void {
    if (this.#isOver) return;
    for (const message of messages) {
      const isWhole = message instanceof Uint8Array;
      const head = isWhole ? message : message.head;
      const body = isWhole ? undefined : message.body;
      const length = head.length + (body?.length ?? 0);
      const piece = Buffer.allocUnsafe(prefixBytes + head.length);
      piece[0] = 0;
      piece.writeUInt32BE(length, 1);
      piece.set(head, prefixBytes);
      this.#unsent.push(piece);
      if (body !== undefined && body.length > 0) this.#unsent.push(body);
    }
    if (!this.#isReading) this.#flush();
  }

  end(): void {
    this.#finish(statusCode.ok, "");
  }

  fail(code: StatusCode, message: string): void {
    this.#finish(code, message);
  }

  #read(reader: MessageReader, chunk: Buffer): void {
    this.#isReading = true;
    try {
      if (!this.#isOver) reader.push(chunk);
    } catch (cause) {
      this.#refuse(cause);
    }
    this.#isReading = false;
    this.#flush();
  }

  #decode(
    message: Buffer,
    isCompressed: boolean,
    decompress: Decompress | undefined,
    handler: CallHandler,
  ): void {
    if (isCompressed && decompress === undefined) {
      const words = "a message says that it is compressed, and the call names no encoding";
      throw new FramingError(statusCode.internal, words);
    }
    const turn = (this.#decoding ?? Promise.resolve())
      .then(() => (isCompressed && decompress !== undefined ? decompress(message) : message))
      .then((bytes) => {
        if (!this.#isOver) handler.onMessage(bytes);
      })
      .catch((cause: unknown) => this.#refuse(cause))
      .then(() => {
        if (this.#decoding === turn) this.#decoding = undefined;
      });
    this.#decoding = turn;
  }

  #refuse(cause: unknown): void {
    const { code, message } = cause instanceof FramingError ? cause : this.#onThrow(cause);
    this.fail(code, message);
  }

  #clientEnded(reader: MessageReader, handler: CallHandler): void {
    this.#hasEnded = true;
    if (this.#isOver) return;
    if (!reader.isAtBoundary) this.fail(statusCode.internal, "the call ends within a message");
    else this.#contained(() => handler.onEnd());
  }

  #contained(run: () => void): void {
    try {
      run();
    } catch (cause) {
      this.#refuse(cause);
    }
  }

  #flush(): void {
    if (this.#unsent.length === 0 || isGone(this.#stream)) return;
    const pieces = this.#unsent;
    this.#unsent = [];
    const stream = this.#stream;
    this.#respond();
    if (pieces.length > 1) stream.cork();
    for (const piece of joined(pieces)) stream.write(piece);
    if (pieces.length > 1) stream.uncork();
    if (stream.writableLength > mostUnsentBytes && !this.#hasEnded) stream.pause();
  }

  #respond(): void {
    const stream = this.#stream;
    if (stream.headersSent) return;
    stream.respond({ ":status": 200, "content-type": contentType }, { waitForTrailers: true });
    stream.once("wantTrailers", () => {
      stream.sendTrailers(statusHeaders(this.#status, this.#message));
      // Nothing more is read: the client is told to stop, as gRPC asks of servers.
      if (!this.#hasEnded) setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
    });
  }

  #finish(code: StatusCode, message: string): void {
    if (this.#isOver) return;
    this.#status = code;
    this.#message = message;
    const stream = this.#stream;
    if (isGone(stream)) {
      this.#close();
      return;
    }
    this.#flush();
    if (stream.headersSent) stream.end();
    else {
      const trailers = statusHeaders(code, message);
      stream.respond(
        { ":status": 200, "content-type": contentType, ...trailers },
        { endStream: true },
      );
      if (!this.#hasEnded && this.#handler !== undefined) {
        setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
      }
    }
    this.#close();
    // What the client still sends is thrown away.
    stream.resume();
  }

  /** The call is over for us, whatever still comes. */
  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    const handler = this.#handler;
    if (handler !== undefined) this.#contained(() => handler.onClose());
  }
}

/** The client has reset it: to answer would throw. */
function isGone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}

/** Small neighbours in one piece, large ones as they are. */
function joined(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  if (pieces.length === 1) return pieces;
  const out: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const close = () => {
    const [first] = small;
    if (first === undefined) return;
    out.push(small.length === 1 ? first : Buffer.concat(small));
    small = [];
  };
  for (const piece of pieces) {
    if (piece.length <= copiedBytes) small.push(piece);
    else {
      close();
      out.push(piece);
    }
  }
  close();
  return out;
}

function statusHeaders(code: StatusCode, message: string): Record<string, string> {
  const encoding =
    code === statusCode.unimplemented ? { "grpc-accept-encoding": acceptedEncodings } : {};
  if (message === "") return { "grpc-status": String(code) };
  return { "grpc-status": String(code), "grpc-message": percentEncoded(message), ...encoding };
}

/** As gRPC has it: what is no printable ASCII, and the percent sign. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replaceAll("%20", " ");
}

function isGrpc(type: string | undefined): boolean {
  return (
    type === contentType ||
    (type?.startsWith(`${contentType}+`) ?? false) ||
    (type?.startsWith(`${contentType};`) ?? false)
  );
}

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}
