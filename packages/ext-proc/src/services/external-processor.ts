import { type Call, type CallHandler, type Failure, type Method, statusCode } from "@umbra/grpc";
import type { Answer } from "../answers.ts";
import { type RequestMessage, readRequestMessage } from "../codec/request-message.ts";
import type { Processor, StreamInfo, StreamKind, StreamOutcome } from "../exchange.ts";
import { createObserveStream, type ObserveStream } from "../observe-stream.ts";
import {
  createPickStream,
  type Outlet,
  type PickStream,
  type PickStreamOptions,
} from "../pick-stream.ts";

export interface ProcessOptions extends PickStreamOptions {
  readonly processor: Processor;
  /** Called when a stream has started or ended. */
  readonly onOpenStreams: (change: 1 | -1) => void;
  readonly onStreamStart: (kind: StreamKind) => void;
  readonly onStreamEnd: (kind: StreamKind, outcome: StreamOutcome, tookMs: number) => void;
  /** Returns how a call ends after a pending decision has failed. */
  readonly onThrow: (cause: unknown) => Failure;
  /** Monotonic clock, in ms. */
  readonly now: () => number;
}

/** `ExternalProcessor.Process`: each call is one HTTP request, or copies of one. */
export function processMethod(options: ProcessOptions): Method {
  return (call) => new ProcessCall(call, options);
}

/** A class, because one is created per call and its methods must not be. */
class ProcessCall implements CallHandler, StreamInfo, Outlet {
  readonly metadata: StreamInfo["metadata"];
  readonly #call: Call;
  readonly #options: ProcessOptions;
  readonly #startedMs: number;
  #kind: StreamKind | undefined = undefined;
  #picking: PickStream | undefined = undefined;
  #observing: ObserveStream | undefined = undefined;
  #exchange: { onEnd?(outcome: StreamOutcome): void } | undefined = undefined;
  #isOver = false;

  constructor(call: Call, options: ProcessOptions) {
    this.metadata = call.metadata;
    this.#call = call;
    this.#options = options;
    this.#startedMs = options.now();
    options.onOpenStreams(1);
  }

  /** Envoy sends nothing while a body is on its way to it, or an answer on its way to the client: that may take hours. */
  get isInUse(): boolean {
    return this.#kind !== undefined && this.#picking?.isRefused() !== true;
  }

  onMessage(bytes: Uint8Array): void {
    if (this.#isOver) return;
    try {
      const message = readRequestMessage(bytes);
      if (this.#kind === undefined) this.#begin(message);
      if (this.#picking !== undefined)
        this.#call.send(this.#picking.receive(message, bytes.length));
      else if (this.#observing?.receive(message) === true) {
        // End the stream as soon as everything is seen: Envoy would keep it open for seconds.
        this.#endWell();
        this.#call.end();
      }
    } catch (cause) {
      this.#finish("failed");
      throw cause;
    }
  }

  send(answers: readonly Answer[]): void {
    if (!this.#isOver) this.#call.send(answers);
  }

  broken(cause: unknown): void {
    if (this.#isOver) return;
    this.#finish("failed");
    const { code, message } = this.#options.onThrow(cause);
    this.#call.fail(code, message);
  }

  onEnd(): void {
    this.#endWell();
    // Envoy's graceful close waits for this.
    this.#call.end();
  }

  onClose(): void {
    this.#endWell();
  }

  fail(): void {
    this.#finish("failed");
    this.#call.fail(statusCode.aborted, "ended by the processor");
  }

  #begin({ isCopy }: RequestMessage): void {
    const { processor, onStreamStart } = this.#options;
    this.#kind = isCopy ? "observe" : "pick";
    onStreamStart(this.#kind);
    if (isCopy) {
      const exchange = processor.observe(this);
      this.#exchange = exchange;
      this.#observing = createObserveStream(exchange);
    } else {
      const exchange = processor.pick(this);
      this.#exchange = exchange;
      this.#picking = createPickStream(exchange, this.#options, this);
    }
  }

  #endWell(): void {
    if (this.#isOver) return;
    const isDone = this.#picking?.isDecided() ?? this.#observing?.isComplete() ?? false;
    this.#finish(isDone ? "complete" : "cancelled");
  }

  /** Ends the stream here; later events are ignored. */
  #finish(outcome: StreamOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { onOpenStreams, onStreamEnd, now } = this.#options;
    onOpenStreams(-1);
    if (this.#kind !== undefined) onStreamEnd(this.#kind, outcome, now() - this.#startedMs);
    this.#picking?.release();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.onEnd?.(outcome);
  }
}
