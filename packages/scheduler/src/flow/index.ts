export { createFlowQueue, defaultTtlMs } from "./flow-queue.ts";
export type {
  BandLimits,
  FlowErrorCode,
  FlowEvent,
  FlowOutcome,
  FlowQueue,
  FlowQueueOptions,
  FlowRequest,
  FlowSnapshot,
} from "./types.ts";
