import type { EngineName } from "@umbra/scheduler/metrics";

/** Schedules reads of an endpoint's health page: rarely, and only for engines whose page is cheap. */
export interface HealthSchedule {
  /** The engine from the metrics page. */
  engine: EngineName | undefined;
  readonly path: string;
  isDue(nowMs: number): boolean;
  asked(nowMs: number, isReady: boolean): void;
}

/** Excludes SGLang, which generates a token for each call of its health page, and Triton, whose health page is on another port. */
const engines: ReadonlySet<EngineName> = new Set<EngineName>([
  "vllm",
  "trtllm-serve",
  "tgi",
  "llamacpp",
]);

const intervalMs = 2_000;
/** An endpoint that is not ready should be used again soon after it becomes ready. */
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
