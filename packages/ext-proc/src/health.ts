import { create } from "@bufbuild/protobuf";
import {
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { ExternalProcessor } from "./gen/envoy/service/ext_proc/v3/external_processor_pb.ts";
import {
  Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "./gen/grpc/health/v1/health_pb.ts";
import { methodDefinition } from "./method-definition.ts";

/** gRPC's health service, for the names that the endpoint picker protocol gives. */
export interface HealthService {
  setServing(isServing: boolean): void;
  /** Ends what is watched, so that the server can shut down. */
  close(): void;
}

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse | Uint8Array>;

/** A process that answers is alive, whether or not it serves. */
const alwaysServing = "liveness";
const names: ReadonlySet<string> = new Set([
  "",
  alwaysServing,
  "readiness",
  ExternalProcessor.typeName,
]);
const maxWatchers = 100;

/** Adds the health service to a server; not serving at first. */
export function addHealthService(server: Server): HealthService {
  let isServing = false;
  const watchers = new Map<Watcher, string>();

  const statusOf = (name: string): ServingStatus => {
    if (!names.has(name)) return ServingStatus.SERVICE_UNKNOWN;
    return isServing || name === alwaysServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };
  const response = (name: string) => create(HealthCheckResponseSchema, { status: statusOf(name) });

  server.addService(
    { check: methodDefinition(Health.method.check), watch: methodDefinition(Health.method.watch) },
    {
      check(
        call: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>,
        callback: sendUnaryData<HealthCheckResponse>,
      ) {
        const { service } = call.request;
        if (names.has(service)) callback(null, response(service));
        else
          callback({
            code: status.NOT_FOUND,
            details: `there are ${[...names].map((name) => `"${name}"`).join(", ")}`,
          });
      },
      watch(call: Watcher) {
        if (watchers.size >= maxWatchers) {
          call.emit("error", { code: status.RESOURCE_EXHAUSTED, details: "too many watchers" });
          return;
        }
        const { service } = call.request;
        watchers.set(call, service);
        const forget = () => watchers.delete(call);
        call.on("cancelled", forget).on("close", forget);
        call.write(response(service));
      },
    },
  );

  return {
    setServing(next) {
      if (next === isServing) return;
      isServing = next;
      for (const [call, service] of watchers) call.write(response(service));
    },
    close() {
      for (const call of watchers.keys()) call.end();
      watchers.clear();
    },
  };
}
