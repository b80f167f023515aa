import { create, toBinary } from "@bufbuild/protobuf";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "./gen/grpc/health/v1/health_pb.ts";
import { type Call, type Method, statusCode } from "./method.ts";
import { methodPath } from "./method-path.ts";
import { parseMessage } from "./parse-message.ts";

/** gRPC's health service. */
export interface HealthService {
  readonly methods: ReadonlyMap<string, Method>;
  setServing(isServing: boolean): void;
  /** Ends all watch calls, so that the server can shut down. */
  close(): void;
}

export interface HealthOptions {
  /** Service names whose status follows `setServing`. */
  readonly names: readonly string[];
  /** Service names that always report serving, because a process that answers is alive. */
  readonly aliveNames: readonly string[];
}

const maxWatchers = 100;

/** Creates the health service; not serving at first. */
export function createHealthService(options: HealthOptions): HealthService {
  const following = new Set(options.names);
  const alive = new Set(options.aliveNames);
  let isServing = false;
  const watchers = new Map<Call, string>();

  const statusOf = (name: string): ServingStatus => {
    if (alive.has(name)) return ServingStatus.SERVING;
    if (!following.has(name)) return ServingStatus.SERVICE_UNKNOWN;
    return isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };
  const response = (name: string) => {
    const message = create(HealthCheckResponseSchema, { status: statusOf(name) });
    return [toBinary(HealthCheckResponseSchema, message)];
  };

  function check(call: Call, service: string): void {
    if (following.has(service) || alive.has(service)) {
      call.send(response(service));
      call.end();
    } else {
      const known = [...following, ...alive].map((name) => `"${name}"`).join(", ");
      call.fail(statusCode.notFound, `unknown service: known are ${known}`);
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
          serve(call, parseMessage(HealthCheckRequestSchema, bytes).service);
        },
        onEnd() {
          if (!isAsked) call.fail(statusCode.internal, "the call has no request message");
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
