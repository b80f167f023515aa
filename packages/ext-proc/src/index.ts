export { type AccessLogEntry, responseFlag } from "./codec/access-log-entry.ts";
export { underscoredNames } from "./codec/header-list.ts";
export type {
  BodyMode,
  Decision,
  HeaderEntry,
  Headers,
  HeadersInfo,
  JsonObject,
  JsonValue,
  ObserveExchange,
  PendingDecision,
  PickExchange,
  Processor,
  ResponseInfo,
  StreamInfo,
  StreamKind,
  StreamOutcome,
} from "./exchange.ts";
export {
  createExtProcServer,
  type ExtProcServer,
  type ExtProcServerOptions,
} from "./server.ts";
export { StandingRoute } from "./standing-route.ts";
