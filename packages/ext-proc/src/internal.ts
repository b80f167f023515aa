// What only this repository's tests, benches and simulations import, as `@umbra/ext-proc/internal`. No promises: it may change in
// any version, and it resolves only under the condition `@umbra/source`, which this repository sets and an application does not.

export { type Answer, type BodyAnswer, maxChunkBytes } from "./answers.ts";
export { readAccessLog } from "./codec/access-log-entry.ts";
export { type RequestMessage, readRequestMessage } from "./codec/request-message.ts";
export {
  ExternalProcessor,
  type ProcessingRequest,
  ProcessingRequestSchema,
  type ProcessingResponse,
  ProcessingResponseSchema,
} from "./gen/envoy/service/ext_proc/v3/external_processor_pb.ts";
export { createHeldBudget } from "./held-budget.ts";
export { createObserveStream } from "./observe-stream.ts";
export { createPickStream, type Outlet } from "./pick-stream.ts";
