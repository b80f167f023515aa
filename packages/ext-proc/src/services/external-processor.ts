import { type RequestMessage, readRequestMessage } from "../codec/request-message.ts";
import type { Processor, StreamInfo, StreamOutcome } from "../exchange.ts";
import { createObserveStream } from "../observe-stream.ts";
import { createPickStream, type PickStreamOptions } from "../pick-stream.ts";
import { type Call, type Method, statusCode } from "../transport/transport.ts";

/** Either kind of stream, as a call sees it. */
interface Stream {
  receive(message: RequestMessage): void;
  isDone(): boolean;
  onEnd(outcome: StreamOutcome): void;
}

export interface ProcessOptions extends PickStreamOptions {
  readonly processor: Processor;
  /** A stream has begun, or has ended. */
  readonly onOpenStreams: (change: 1 | -1) => void;
}

/** `ExternalProcessor.Process`: each call is one HTTP request, or copies of one. */
export function processMethod(options: ProcessOptions): Method {
  return (call) => {
    let stream: Stream | undefined;
    let isOver = false;
    options.onOpenStreams(1);

    /** The stream is over for us, whatever still comes. */
    const finish = (outcome: StreamOutcome) => {
      if (isOver) return;
      isOver = true;
      options.onOpenStreams(-1);
      stream?.onEnd(outcome);
    };
    const info: StreamInfo = {
      metadata: call.metadata,
      fail() {
        finish("failed");
        call.fail(statusCode.aborted, "ended by the processor");
      },
    };
    const endsWell = () => finish(stream?.isDone() === true ? "complete" : "cancelled");
    return {
      onMessage(bytes) {
        if (isOver) return;
        try {
          const message = readRequestMessage(bytes);
          stream ??= message.isCopy
            ? observeStream(info, options, call, endsWell)
            : pickStream(info, options, call);
          stream.receive(message);
        } catch (cause) {
          finish("failed");
          throw cause;
        }
      },
      onEnd() {
        endsWell();
        // Envoy's graceful close waits for this.
        call.end();
      },
      onClose: endsWell,
    };
  };
}

function pickStream(info: StreamInfo, options: ProcessOptions, call: Call): Stream {
  const exchange = options.processor.pick(info);
  const stream = createPickStream(exchange, options, (answers) => call.send(answers));
  return {
    isDone: stream.isDecided,
    receive: (message) => call.send(stream.receive(message)),
    onEnd: (outcome) => exchange.onEnd?.(outcome),
  };
}

/** The server ends it as soon as there is nothing more to see: Envoy would hold it open for seconds. */
function observeStream(
  info: StreamInfo,
  { processor }: ProcessOptions,
  call: Call,
  endsWell: () => void,
): Stream {
  const exchange = processor.observe(info);
  const stream = createObserveStream(exchange);
  return {
    isDone: stream.isComplete,
    receive(message) {
      if (!stream.receive(message)) return;
      endsWell();
      call.end();
    },
    onEnd: (outcome) => exchange.onEnd?.(outcome),
  };
}
