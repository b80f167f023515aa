import {
  type Certificates,
  createGrpcServer,
  createHealthService,
  Health,
  methodPath,
  ProtocolError,
  reflectionMethods,
  statusCode,
} from "@umbra/grpc";
import type { AccessLogEntry } from "./codec/access-log-entry.ts";
import type { Decision, Processor, StreamKind, StreamOutcome } from "./exchange.ts";
import { ExternalProcessor } from "./gen/envoy/service/ext_proc/v3/external_processor_pb.ts";
import { createHeldBudget } from "./held-budget.ts";
import { createAccessLogService } from "./services/access-log.ts";
import { processMethod } from "./services/external-processor.ts";

export interface ExtProcServerOptions {
  readonly processor: Processor;
  /** Absent: plaintext. */
  readonly tls?: Certificates;
  /** 32 MiB when absent. A longer request body is answered 413. */
  readonly maxBodyBytes?: number;
  /** Streams of one connection at once; 65,536 when absent. */
  readonly maxConcurrentStreams?: number;
  /** A stream has sent its first message. */
  readonly onStreamStart?: (kind: StreamKind) => void;
  /** Such a stream has ended; `tookMs` is since its beginning. */
  readonly onStreamEnd?: (kind: StreamKind, outcome: StreamOutcome, tookMs: number) => void;
  /** Monotonic, in ms; `performance.now` when absent. */
  readonly now?: () => number;
  /** Takes the entries of Envoy's gRPC access logs, in batches of some ms. Absent: that service is not served. */
  readonly onAccessLog?: (entry: AccessLogEntry) => void;
  /** Told of everything that ended a stream by an error. */
  readonly onError?: (cause: unknown) => void;
  /**
   * Requests that wait for their body's end, headers included, of all streams together; 512 MiB when absent. Past it a
   * request is answered 429. Where Envoy buffers the body itself and sends it in pieces, the call ends with
   * `RESOURCE_EXHAUSTED` and the filter's failure mode holds.
   */
  readonly maxHeldBytes?: number;
  /** Silence after which a call that serves no request ends, in ms; 600,000 when absent. */
  readonly idleMs?: number;
}

/** A gRPC server for Envoy's ext_proc filter. */
export interface ExtProcServer {
  /** Binds `host:port` or `unix:/path`, for this user alone; port 0 takes a free one. Returns the address as bound. */
  listen(address: string): Promise<string>;
  /** What the health service answers; not serving until told. */
  setServing(isServing: boolean): void;
  /** For connections to come; those that are open stay. Throws when the certificates can't be used. */
  setCertificates(certificates: Certificates): void;
  /** Takes no new stream, waits up to `graceMs` for the open ones, then cuts them. */
  close(graceMs: number): Promise<void>;
  readonly openStreams: number;
}

const mebibyte = 1024 * 1024;

/** As the endpoint picker protocol has them. */
const healthNames = {
  names: ["", "readiness", ExternalProcessor.typeName],
  aliveNames: ["liveness"],
};

/** Creates a server; it listens when told. */
export function createExtProcServer(options: ExtProcServerOptions): ExtProcServer {
  const { processor, maxBodyBytes = 32 * mebibyte, onError = () => {} } = options;
  let openStreams = 0;
  const onThrow = (cause: unknown) => {
    onError(cause);
    return cause instanceof ProtocolError
      ? { code: statusCode.invalidArgument, message: cause.message }
      : { code: statusCode.internal, message: "the processor failed" };
  };
  const health = createHealthService(healthNames);
  const budget = createHeldBudget(options.maxHeldBytes ?? 512 * mebibyte, () =>
    refusal(429, "overloaded", "too many request bodies are being read"),
  );
  const process = processMethod({
    processor,
    maxBodyBytes,
    tooLarge: () => refusal(413, "request_too_large", "the request body is too large"),
    budget,
    onThrow,
    onOpenStreams(change) {
      openStreams += change;
    },
    onStreamStart: options.onStreamStart ?? (() => {}),
    onStreamEnd: options.onStreamEnd ?? (() => {}),
    now: options.now ?? (() => performance.now()),
  });
  const accessLog =
    options.onAccessLog === undefined ? undefined : createAccessLogService(options.onAccessLog);
  const methods = [
    [methodPath(ExternalProcessor.method.process), process] as const,
    ...health.methods,
    ...reflectionMethods([ExternalProcessor, Health]),
    ...(accessLog?.methods ?? []),
  ];
  const grpc = createGrpcServer({
    methods: new Map(methods),
    onThrow,
    // A BUFFERED body is one message; the rest is room for the headers beside it.
    maxMessageBytes: maxBodyBytes + mebibyte,
    room: budget,
    maxConcurrentStreams: options.maxConcurrentStreams ?? 65_536,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
  });

  return {
    listen: (address) => grpc.listen(address),
    setServing: (isServing) => health.setServing(isServing),
    setCertificates: (certificates) => grpc.setCertificates(certificates),
    close(graceMs) {
      health.close();
      accessLog?.close();
      return grpc.close(graceMs);
    },
    get openStreams() {
      return openStreams;
    },
  };
}

function refusal(status: number, code: string, message: string): Decision {
  const type = status === 429 ? "rate_limit_error" : "invalid_request_error";
  return {
    kind: "reply",
    status,
    headers: [{ name: "content-type", value: "application/json" }],
    body: JSON.stringify({ error: { message, type, param: null, code } }),
    details: code,
  };
}
