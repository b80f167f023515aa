import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ExternalProcessor } from "../gen/envoy/service/ext_proc/v3/external_processor_pb.ts";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../gen/grpc/health/v1/health_pb.ts";
import { ProtocolError } from "../protocol-error.ts";
import { type Call, type Method, statusCode } from "../transport/transport.ts";
import { methodPath } from "./method-path.ts";

/** gRPC's health service, for the names that the endpoint picker protocol gives. */
export interface HealthService {
  readonly methods: ReadonlyMap<string, Method>;
  setServing(isServing: boolean): void;
  /** Ends what is watched, so that the server can shut down. */
  close(): void;
}

/** A process that answers is alive, whether or not it serves. */
const alwaysServing = "liveness";
const names: ReadonlySet<string> = new Set([
  "",
  alwaysServing,
  "readiness",
  ExternalProcessor.typeName,
]);
const maxWatchers = 100;

/** Not serving at first. */
export function createHealthService(): HealthService {
  let isServing = false;
  const watchers = new Map<Call, string>();

  const statusOf = (name: string): ServingStatus => {
    if (!names.has(name)) return ServingStatus.SERVICE_UNKNOWN;
    return isServing || name === alwaysServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };
  const response = (name: string) => {
    const message = create(HealthCheckResponseSchema, { status: statusOf(name) });
    return [toBinary(HealthCheckResponseSchema, message)];
  };

  function check(call: Call, service: string): void {
    if (names.has(service)) {
      call.send(response(service));
      call.end();
    } else {
      const known = [...names].map((name) => `"${name}"`).join(", ");
      call.fail(statusCode.notFound, `there are ${known}`);
    }
  }

  function watch(call: Call, service: string): void {
    if (watchers.size >= maxWatchers) call.fail(statusCode.resourceExhausted, "too many watchers");
    else {
      watchers.set(call, service);
      call.send(response(service));
    }
  }

  const method =
    (serve: (call: Call, service: string) => void): Method =>
    (call) => {
      let isAsked = false;
      return {
        onMessage(bytes) {
          isAsked = true;
          serve(call, serviceIn(bytes));
        },
        onEnd() {
          if (!isAsked)
            call.fail(statusCode.internal, "the call names no service: it has no message");
        },
        onClose: () => void watchers.delete(call),
      };
    };

  return {
    methods: new Map([
      [methodPath(Health.method.check), method(check)],
      [methodPath(Health.method.watch), method(watch)],
    ]),
    setServing(next) {
      if (next === isServing) return;
      isServing = next;
      for (const [call, service] of watchers) call.send(response(service));
    },
    close() {
      for (const call of watchers.keys()) call.end();
      watchers.clear();
    },
  };
}

function serviceIn(bytes: Uint8Array): string {
  try {
    return fromBinary(HealthCheckRequestSchema, bytes).service;
  } catch (cause) {
    throw new ProtocolError("the message is no HealthCheckRequest", { cause });
  }
}
