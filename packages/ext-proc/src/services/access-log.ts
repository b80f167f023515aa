import { type Call, type Method, statusCode } from "@umbra/grpc";
import { type AccessLogEntry, readAccessLog } from "../codec/access-log-entry.ts";

/** Envoy's access log service. Each worker of an Envoy keeps one call open. */
export interface AccessLogService {
  readonly methods: ReadonlyMap<string, Method>;
  /** Ends the calls, so that the server can shut down. Envoy opens new ones elsewhere. */
  close(): void;
}

/** Path of the service's method. Its messages are decoded by hand, so there is no generated code with the name. */
const path = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
/** The only answer of a call, sent after the client has ended it. */
const emptyResponse = new Uint8Array();
/** Most calls: one for each worker and listener of an Envoy. */
const maxCalls = 4_096;

export function createAccessLogService(take: (entry: AccessLogEntry) => void): AccessLogService {
  const calls = new Set<Call>();
  const method: Method = (call) => {
    if (calls.size >= maxCalls) call.fail(statusCode.resourceExhausted, "too many access logs");
    else calls.add(call);
    return {
      onMessage: (bytes) => readAccessLog(bytes, take),
      onEnd() {
        call.send([emptyResponse]);
        call.end();
      },
      onClose: () => void calls.delete(call),
    };
  };
  return {
    methods: new Map([[path, method]]),
    close() {
      for (const call of calls) call.end();
      calls.clear();
    },
  };
}
