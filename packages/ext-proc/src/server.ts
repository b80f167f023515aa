import {
  type Certificates,
  createGrpcServer,
  createHealthService,
  Health,
  type MessageRoom,
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
  /** Certificates; plaintext when absent. */
  readonly tls?: Certificates;
  /** Largest request body; a larger one is answered 413. 32 MiB when absent. */
  readonly maxBodyBytes?: number;
  /** Most concurrent streams of one connection; 65,536 when absent. */
  readonly maxConcurrentStreams?: number;
  /** Called when a stream has sent its first message. */
  readonly onStreamStart?: (kind: StreamKind) => void;
  /** Called when such a stream has ended. `tookMs` is the time since its start. */
  readonly onStreamEnd?: (kind: StreamKind, outcome: StreamOutcome, tookMs: number) => void;
  /** Monotonic clock, in ms; `performance.now` when absent. */
  readonly now?: () => number;
  /**
   * Receives the entries of Envoy's gRPC access logs, in batches every few ms. When absent, that service is not
   * offered.
   */
  readonly onAccessLog?: (entry: AccessLogEntry) => void;
  /** Called with every error that ended a stream. */
  readonly onError?: (cause: unknown) => void;
  /**
   * Memory limit for incomplete requests of all streams, including headers; 512 MiB when absent. Beyond it a request is
   * answered 429. If Envoy buffers the body itself and sends it in pieces, the call ends with `RESOURCE_EXHAUSTED` and
   * the filter's failure mode applies.
   */
  readonly maxHeldBytes?: number;
  /** Called when a call ends because its message does not fit into that limit. */
  readonly onNoRoom?: () => void;
  /** Silence after which a call that serves no request ends, in ms; 600,000 when absent. */
  readonly idleMs?: number;
}

/** A gRPC server for Envoy's ext_proc filter. */
export interface ExtProcServer {
  /**
   * Binds `host:port`, or `unix:/path` with access only for this user; port 0 chooses a free port. Returns the bound
   * address.
   */
  listen(address: string): Promise<string>;
  /** Sets the status of the health service, which is "not serving" at first. */
  setServing(isServing: boolean): void;
  /** Sets the certificates for new connections; open ones stay. Throws if they can't be used. */
  setCertificates(certificates: Certificates): void;
  /** Sets the memory limit for incomplete requests, in bytes. */
  setMaxHeldBytes(bytes: number): void;
  /** Accepts no new streams, waits up to `graceMs` for open ones, then aborts them. */
  close(graceMs: number): Promise<void>;
  readonly openStreams: number;
}

const mebibyte = 1024 * 1024;

/** Names from the endpoint picker protocol. */
const healthNames = {
  names: ["", "readiness", ExternalProcessor.typeName],
  aliveNames: ["liveness"],
};

/** Creates a server. Call `listen` to start it. */
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
    // A BUFFERED body is one message; the rest is room for its headers.
    maxMessageBytes: maxBodyBytes + mebibyte,
    room: counting(budget, options.onNoRoom),
    maxConcurrentStreams: options.maxConcurrentStreams ?? 65_536,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
  });

  return {
    listen: (address) => grpc.listen(address),
    setServing: (isServing) => health.setServing(isServing),
    setMaxHeldBytes: (bytes) => budget.setLimit(bytes),
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
    headers: [{ name: "content-type", value: "application/json; charset=utf-8" }],
    body: JSON.stringify({ error: { message, type, param: null, code } }),
    details: code,
  };
}

/** The room, which reports every message that it has no place for. */
function counting(room: MessageRoom, onNoRoom: () => void = () => {}): MessageRoom {
  return {
    take(bytes) {
      const isTaken = room.take(bytes);
      if (!isTaken) onNoRoom();
      return isTaken;
    },
    giveBack: (bytes) => room.giveBack(bytes),
  };
}
