import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import {
  FramingError,
  MessageReader,
  type MessageRoom,
  type MessageSink,
} from "./message-reader.ts";
import { frameMessages } from "./message-writer.ts";
import {
  type Call,
  type CallHandler,
  type Failure,
  type Message,
  type Method,
  type StatusCode,
  statusCode,
} from "./method.ts";
import type { OpenCall, OpenCalls } from "./silent-calls.ts";
import { readTimeout } from "./timeout.ts";

const contentType = "application/grpc";
const onlyEncoding = "identity";
/** If more bytes than this are unsent, nothing more is read from the client. */
const mostUnsentBytes = 1024 * 1024;

/** Serves one HTTP/2 stream as a gRPC call. */
export function serveStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  options: {
    readonly methods: ReadonlyMap<string, Method>;
    readonly maxMessageBytes: number;
    readonly room?: MessageRoom;
    readonly onThrow: (cause: unknown) => Failure;
  },
  calls: OpenCalls,
): void {
  stream.on("error", ignore);
  if (isGone(stream)) return;
  if (headers[":method"] !== "POST" || !isGrpc(headers["content-type"])) {
    stream.respond({ ":status": headers[":method"] === "POST" ? 415 : 405 }, { endStream: true });
    stream.resume();
    return;
  }
  const call = new Http2Call(stream, headers, { onThrow: options.onThrow, calls });
  const method = options.methods.get(String(headers[":path"]));
  const timeout = textOf(headers["grpc-timeout"]);
  const timeoutMs = timeout === undefined ? undefined : readTimeout(timeout);
  if (method === undefined) call.fail(statusCode.unimplemented, "unknown method");
  // Envoy does not compress. A compressed message could expand a thousand times, in every call of every connection.
  else if ((textOf(headers["grpc-encoding"]) ?? onlyEncoding) !== onlyEncoding) {
    call.fail(statusCode.unimplemented, "messages must not be compressed");
  } else if (timeout !== undefined && timeoutMs === undefined) {
    call.fail(statusCode.internal, "grpc-timeout is invalid");
  } else
    call.serve(method, new MessageReader(options.maxMessageBytes, call, options.room), timeoutMs);
}

/** A class with shared listeners, so that a stream needs no closures. */
class Http2Call implements Call, CallMetadata, MessageSink, OpenCall {
  silentLooks = 0;
  /** Released with the first message: their values are external strings, which slow down every garbage collection. */
  #headers: IncomingHttpHeaders | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #onThrow: (cause: unknown) => Failure;
  /** The open calls of its connection; it is among them while it is served. */
  readonly #calls: OpenCalls;
  /** Messages to send at the end of this turn. */
  readonly #unsent: Uint8Array[] = [];
  /** True while a chunk is read; messages sent meanwhile go out together. */
  #isReading = false;
  #isOver = false;
  #hasEnded = false;
  #status: StatusCode = statusCode.ok;
  #message = "";
  #handler: CallHandler | undefined = undefined;
  #reader: MessageReader | undefined = undefined;
  #deadline: NodeJS.Timeout | undefined = undefined;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    {
      onThrow,
      calls,
    }: { readonly onThrow: (cause: unknown) => Failure; readonly calls: OpenCalls },
  ) {
    this.#stream = stream;
    this.#onThrow = onThrow;
    this.#calls = calls;
    this.#headers = headers;
  }

  get metadata(): CallMetadata {
    return this;
  }

  get isInUse(): boolean {
    return this.#handler?.isInUse ?? false;
  }

  get(name: string): string | undefined {
    return textOf(this.#headers?.[name]);
  }

  serve(method: Method, reader: MessageReader, timeoutMs: number | undefined): void {
    const stream = this.#stream;
    let handler: CallHandler;
    try {
      handler = method(this);
    } catch (cause) {
      this.#refuse(cause);
      return;
    }
    // The method has ended the call itself: nothing is left to serve, and it would never leave the open calls.
    if (this.#isOver) return;
    this.#handler = handler;
    this.#reader = reader;
    this.#calls.add(this);
    (stream as ServedStream)[callOf] = this;
    quietResets(stream);
    stream.on("data", onData);
    stream.on("end", onEnd);
    stream.on("close", onClose);
    stream.on("aborted", onAborted);
    if (timeoutMs !== undefined) {
      this.#deadline = setTimeout(
        () => this.fail(statusCode.deadlineExceeded, "the call's deadline has passed"),
        Math.min(timeoutMs, 2 ** 31 - 1),
      );
    }
  }

  send(messages: readonly Message[]): void {
    if (this.#isOver || messages.length === 0) return;
    this.silentLooks = 0;
    frameMessages(messages, this.#unsent);
    if (!this.#isReading) this.#flush();
  }

  end(): void {
    this.#finish(statusCode.ok, "");
  }

  fail(code: StatusCode, message: string): void {
    this.#finish(code, message);
  }

  onChunk(chunk: Buffer): void {
    this.#isReading = true;
    try {
      if (!this.#isOver) this.#reader?.push(chunk);
    } catch (cause) {
      this.#refuse(cause);
    }
    this.#isReading = false;
    // Releases a partial message that arrived after the end of the call.
    if (this.#isOver) this.#reader?.release();
    this.#flush();
  }

  onMessage(message: Buffer): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    this.silentLooks = 0;
    if (!this.#isOver) handler.onMessage(message);
    this.#headers = undefined;
  }

  #refuse(cause: unknown): void {
    const { code, message } = cause instanceof FramingError ? cause : this.#onThrow(cause);
    this.fail(code, message);
  }

  onEnd(): void {
    this.#hasEnded = true;
    const handler = this.#handler;
    if (this.#isOver || handler === undefined) return;
    if (this.#reader?.isAtBoundary !== true) {
      this.fail(statusCode.internal, "the call ends within a message");
    } else this.#contained(() => handler.onEnd());
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
    const stream = this.#stream;
    this.#respond();
    if (pieces.length > 1) stream.cork();
    for (const piece of pieces) stream.write(piece);
    if (pieces.length > 1) stream.uncork();
    pieces.length = 0;
    if (stream.writableLength > mostUnsentBytes && !this.#hasEnded) {
      stream.pause();
      stream.once("drain", onDrain);
    }
  }

  #respond(): void {
    const stream = this.#stream;
    if (stream.headersSent) return;
    stream.respond(responseHeaders, responseOptions);
    stream.on("wantTrailers", onWantTrailers);
  }

  onWantTrailers(): void {
    const stream = this.#stream;
    stream.sendTrailers(statusHeaders(this.#status, this.#message));
    // Nothing more is read, so the client is asked to stop, as gRPC requires.
    if (!this.#hasEnded) setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
  }

  #finish(code: StatusCode, message: string): void {
    if (this.#isOver) return;
    this.#status = code;
    this.#message = message;
    const stream = this.#stream;
    if (isGone(stream)) {
      this.onClose();
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
    this.onClose();
    // Discards what the client still sends.
    stream.resume();
  }

  /** Ends the call here; later events are ignored. */
  onClose(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#calls.delete(this);
    this.#reader?.release();
    clearTimeout(this.#deadline);
    const handler = this.#handler;
    if (handler !== undefined) this.#contained(() => handler.onClose());
  }
}

type CallMetadata = Call["metadata"];

const callOf = Symbol("call");
type ServedStream = ServerHttp2Stream & { [callOf]?: Http2Call };

let hasQuietResets = false;

/**
 * Envoy ends each ext_proc stream with a reset of INTERNAL_ERROR. Node would create an unused error with a stack trace
 * for each, which costs more than the pick. It creates none for a stream with the code CANCEL. So streams that serve a call
 * report CANCEL: by their prototype, since a property of each stream would cost every call. Other streams are unchanged.
 */
function quietResets(stream: ServerHttp2Stream): void {
  if (hasQuietResets) return;
  hasQuietResets = true;
  const serverStream: object = Object.getPrototypeOf(stream);
  Object.defineProperty(serverStream, "rstCode", {
    configurable: true,
    get(this: ServedStream): number {
      if (this[callOf] !== undefined) return constants.NGHTTP2_CANCEL;
      return Reflect.get(Object.getPrototypeOf(serverStream), "rstCode", this) as number;
    },
  });
}

function onData(this: ServedStream, chunk: Buffer): void {
  this[callOf]?.onChunk(chunk);
}

function onEnd(this: ServedStream): void {
  this[callOf]?.onEnd();
}

function onClose(this: ServedStream): void {
  this[callOf]?.onClose();
}

/** Node reports the close of a stream only after all of it is read, so an aborted stream is handled here. */
function onAborted(this: ServedStream): void {
  this[callOf]?.onClose();
  this.resume();
}

function onWantTrailers(this: ServedStream): void {
  this[callOf]?.onWantTrailers();
}

function onDrain(this: ServerHttp2Stream): void {
  this.resume();
}

/** A reset also emits an error event; only the close event that follows matters. */
function ignore(): void {}

const responseHeaders = { ":status": 200, "content-type": contentType };
/** No date header: gRPC does not need it, and it would be encoded again every second. */
const responseOptions = { waitForTrailers: true, sendDate: false };

/** True if the client has reset the stream; sending would throw. */
function isGone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}

function statusHeaders(code: StatusCode, message: string): Record<string, string> {
  const encoding =
    code === statusCode.unimplemented ? { "grpc-accept-encoding": onlyEncoding } : {};
  if (message === "") return { "grpc-status": String(code) };
  return { "grpc-status": String(code), "grpc-message": percentEncoded(message), ...encoding };
}

/** Percent-encodes as gRPC requires: all but printable ASCII, and the percent sign. */
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
