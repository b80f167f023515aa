import type { EngineName } from "@umbra/scheduler/metrics";

/** When an endpoint's health page is read: seldom, and only of engines whose page costs them next to nothing. */
export interface HealthSchedule {
  /** As the metrics page names it. */
  engine: EngineName | undefined;
  readonly path: string;
  isDue(nowMs: number): boolean;
  asked(nowMs: number, isReady: boolean): void;
}

/** SGLang generates a token for each call of its health page, and Triton has its own on another port. */
const engines: ReadonlySet<EngineName> = new Set<EngineName>([
  "vllm",
  "trtllm-serve",
  "tgi",
  "llamacpp",
]);

const intervalMs = 2_000;
/** One that is not ready is to be used again soon after it is. */
const unreadyIntervalMs = 500;

export function createHealthSchedule(engine: EngineName | undefined): HealthSchedule {
  let nextMs = Number.NEGATIVE_INFINITY;
  return {
    engine,
    path: "/health",
    isDue(nowMs) {
      return this.engine !== undefined && engines.has(this.engine) && nowMs >= nextMs;
    },
    asked(nowMs, isReady) {
      nextMs = nowMs + (isReady ? intervalMs : unreadyIntervalMs);
    },
  };
}
