export { type Answer, type BodyAnswer, maxChunkBytes } from "./answers.ts";
export {
  type AccessLogEntry,
  readAccessLog,
  responseFlag,
} from "./codec/access-log-entry.ts";
export { underscoredNames } from "./codec/header-list.ts";
export {
  type BodyModes,
  type MessagePart,
  type RequestMessage,
  readRequestMessage,
} from "./codec/request-message.ts";
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
  ExternalProcessor,
  type ProcessingRequest,
  ProcessingRequestSchema,
  type ProcessingResponse,
  ProcessingResponseSchema,
} from "./gen/envoy/service/ext_proc/v3/external_processor_pb.ts";
export { createHeldBudget, type HeldBudget } from "./held-budget.ts";
export { createObserveStream, type ObserveStream } from "./observe-stream.ts";
export {
  createPickStream,
  type Outlet,
  type PickStream,
  type PickStreamOptions,
} from "./pick-stream.ts";
export {
  createExtProcServer,
  type ExtProcServer,
  type ExtProcServerOptions,
} from "./server.ts";
export { StandingRoute } from "./standing-route.ts";
