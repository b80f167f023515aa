import { Server, ServerCredentials, type ServerDuplexStream, status } from "@grpc/grpc-js";
import type {
  Decision,
  ObserveExchange,
  PickExchange,
  Processor,
  StreamInfo,
  StreamOutcome,
} from "./exchange.ts";
import {
  ExternalProcessor,
  type ProcessingRequest,
  type ProcessingResponse,
} from "./gen/envoy/service/ext_proc/v3/external_processor_pb.ts";
import { addHealthService } from "./health.ts";
import { raiseHttp2Limits } from "./http2-limits.ts";
import { methodDefinition } from "./method-definition.ts";
import { createObserveStream, type ObserveStream } from "./observe-stream.ts";
import { createPickStream, type PickStream, type Send } from "./pick-stream.ts";
import { ProtocolError } from "./protocol-error.ts";

export interface ExtProcServerOptions {
  readonly processor: Processor;
  /** 32 MiB when absent. A longer request body is answered 413. */
  readonly maxBodyBytes?: number;
  /** Streams of one connection at once; 65,536 when absent. */
  readonly maxConcurrentStreams?: number;
  /** Told of everything that ended a stream by an error. */
  readonly onError?: (cause: unknown) => void;
  /** What a client whose body is too long is told; an OpenAI-shaped 413 when absent. */
  readonly tooLarge?: () => Decision;
}

/** A gRPC server for Envoy's ext_proc filter. */
export interface ExtProcServer {
  /** Binds `host:port` or `unix:/path`; port 0 takes a free one. Returns the address as bound. */
  listen(address: string): Promise<string>;
  /** What the health service answers; not serving until told. */
  setServing(isServing: boolean): void;
  /** Takes no new stream, waits up to `graceMs` for the open ones, then cuts them. */
  close(graceMs: number): Promise<void>;
  readonly openStreams: number;
}

type Call = ServerDuplexStream<ProcessingRequest, ProcessingResponse | Uint8Array>;

const mebibyte = 1024 * 1024;

/** Creates a server; it listens when told. */
export function createExtProcServer(options: ExtProcServerOptions): ExtProcServer {
  const { processor, maxBodyBytes = 32 * mebibyte, onError = () => {} } = options;
  const streamOptions = { maxBodyBytes, tooLarge: options.tooLarge ?? tooLarge };
  const server = new Server({
    // A BUFFERED body is one message; the rest is room for the headers beside it.
    "grpc.max_receive_message_length": maxBodyBytes + mebibyte,
    "grpc.max_send_message_length": maxBodyBytes + mebibyte,
    "grpc.max_concurrent_streams": options.maxConcurrentStreams ?? 65_536,
    "grpc-node.flow_control_window": mebibyte,
  });
  raiseHttp2Limits(server);
  const health = addHealthService(server);
  let openStreams = 0;

  function serve(call: Call): void {
    openStreams++;
    let stream: Stream | undefined;
    let isOver = false;

    /** The stream is over for us, whatever still comes. */
    const finish = (outcome: StreamOutcome) => {
      if (isOver) return;
      isOver = true;
      openStreams--;
      try {
        stream?.exchange.onEnd?.(outcome);
      } catch (cause) {
        onError(cause);
      }
    };
    const fail = () => {
      if (isOver) return;
      finish("failed");
      call.emit("error", { code: status.ABORTED, details: "ended by the processor" });
    };
    /** For what was pending. */
    const send: Send = (answers) => {
      if (isOver) return;
      for (const answer of answers) call.write(answer);
    };
    const ended = () => finish(stream?.isDone() === true ? "complete" : "cancelled");

    call.on("data", (message: ProcessingRequest) => {
      if (isOver) return;
      // A throw in here would end the process.
      try {
        stream ??= open(call, message, fail, send);
        if (stream.receive(message, call)) {
          ended();
          call.end();
        }
      } catch (cause) {
        finish("failed");
        onError(cause);
        const code = cause instanceof ProtocolError ? status.INVALID_ARGUMENT : status.INTERNAL;
        const details = cause instanceof ProtocolError ? cause.message : "the processor failed";
        call.emit("error", { code, details });
      }
    });
    call.on("end", () => {
      ended();
      // Envoy's graceful close waits for this.
      call.end();
    });
    call.on("cancelled", ended);
    call.on("error", ended);
  }

  function open(
    call: Call,
    { observabilityMode }: ProcessingRequest,
    fail: () => void,
    send: Send,
  ): Stream {
    const info = streamInfo(call, fail);
    if (observabilityMode) {
      const exchange = processor.observe(info);
      return observeStream(exchange, createObserveStream(exchange));
    }
    const exchange = processor.pick(info);
    return pickStream(exchange, createPickStream(exchange, streamOptions, send));
  }

  server.addService(
    { process: methodDefinition(ExternalProcessor.method.process) },
    { process: serve },
  );

  return {
    listen(address) {
      return new Promise((resolve, reject) => {
        server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
          if (error !== null)
            reject(
              new Error(`${address} can't be listened on: ${error.message}`, { cause: error }),
            );
          else
            resolve(address.startsWith("unix:") ? address : address.replace(/:\d+$/, `:${port}`));
        });
      });
    },
    setServing(isServing) {
      health.setServing(isServing);
    },
    close(graceMs) {
      health.close();
      return new Promise((resolve) => {
        const timer = setTimeout(() => server.forceShutdown(), graceMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
    get openStreams() {
      return openStreams;
    },
  };
}

/** Either kind of stream, as the transport sees it. */
interface Stream {
  readonly exchange: { onEnd?(outcome: StreamOutcome): void };
  /** Returns true when the server should end the stream. */
  receive(message: ProcessingRequest, call: Call): boolean;
  isDone(): boolean;
}

function pickStream(exchange: PickExchange, stream: PickStream): Stream {
  return {
    exchange,
    receive(message, call) {
      for (const answer of stream.receive(message)) call.write(answer);
      return false;
    },
    isDone: () => stream.isDecided,
  };
}

function observeStream(exchange: ObserveExchange, stream: ObserveStream): Stream {
  return {
    exchange,
    receive: (message) => stream.receive(message),
    isDone: () => stream.isComplete,
  };
}

function streamInfo({ metadata }: Call, fail: () => void): StreamInfo {
  return {
    fail,
    metadata: {
      get(name) {
        const [value] = metadata.get(name);
        return typeof value === "string" ? value : undefined;
      },
    },
  };
}

function tooLarge(): Decision {
  const error = {
    message: "the request body is too large",
    type: "invalid_request_error",
    param: null,
    code: "request_too_large",
  };
  return {
    kind: "reply",
    status: 413,
    headers: [{ name: "content-type", value: "application/json" }],
    body: JSON.stringify({ error }),
    details: "request_too_large",
  };
}
