import { createLoraSlots } from "./lora-slots.ts";
import type { SimulatorOptions } from "./options.ts";

/** One generation. Lengths in tokens. */
export interface Job {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly adapter?: string;
  /** Called for each token as it is made; `isLast` at the end. */
  readonly onToken: (isLast: boolean) => void;
}

/** A simulated inference engine: continuous batching over a virtual clock. */
export interface Engine {
  /** Queues a job. Returns how to cancel it, which frees what it holds. */
  submit(job: Job): () => void;
  gauges(): EngineGauges;
  unload(adapter: string): void;
}

export interface EngineGauges {
  readonly waiting: number;
  readonly running: number;
  /** 0 to 1. */
  readonly kvCacheUsage: number;
  readonly runningAdapters: readonly string[];
  readonly waitingAdapters: readonly string[];
  readonly adapterLoads: number;
  readonly preemptions: number;
}

export interface EngineClock {
  /** In ms. */
  readonly now: () => number;
  readonly schedule: (run: () => void, afterMs: number) => void;
}

interface Sequence {
  readonly job: Job;
  generated: number;
  blocks: number;
  isRunning: boolean;
  isOver: boolean;
}

/** A step of a full batch takes three times as long as one of a single sequence. */
const fullBatchSlowdown = 3;

export function createEngine(options: SimulatorOptions, clock: EngineClock): Engine {
  const { maxNumSeqs, blockSize, numGpuBlocks, prefillTokensPerSecond, timeScale } = options;
  const slots = createLoraSlots(options.maxLoras, options.loraLoadMs * timeScale);
  const stepMs = 1_000 / options.decodeTokensPerSecond;
  let waiting: Sequence[] = [];
  let running: Sequence[] = [];
  let usedBlocks = 0;
  let preemptions = 0;
  let isStepping = false;

  const blocksFor = (tokens: number) => Math.ceil(tokens / blockSize);

  /** Moves from the queue what fits now. Returns the tokens to prefill, and when to look again if nothing runs. */
  function admit(): { readonly prefillTokens: number; readonly retryAtMs: number } {
    let prefillTokens = 0;
    let retryAtMs = Number.POSITIVE_INFINITY;
    const left: Sequence[] = [];
    let isFull = false;
    for (const sequence of waiting) {
      const { adapter, promptTokens } = sequence.job;
      const tokens = promptTokens + sequence.generated;
      const blocks = blocksFor(tokens + 1);
      if (isFull || running.length >= maxNumSeqs || usedBlocks + blocks > numGpuBlocks) {
        // First come, first served: nothing small overtakes a request that waits for memory.
        isFull = true;
        left.push(sequence);
        continue;
      }
      const readyAtMs = adapter === undefined ? 0 : slots.readyAt(adapter, clock.now());
      if (readyAtMs === undefined || readyAtMs > clock.now()) {
        retryAtMs = Math.min(retryAtMs, readyAtMs ?? Number.POSITIVE_INFINITY);
        left.push(sequence);
        continue;
      }
      if (adapter !== undefined) slots.started(adapter);
      sequence.blocks = blocks;
      sequence.isRunning = true;
      usedBlocks += blocks;
      prefillTokens += tokens;
      running.push(sequence);
    }
    waiting = left;
    return { prefillTokens, retryAtMs };
  }

  function step(): void {
    const { prefillTokens, retryAtMs } = admit();
    if (running.length === 0) {
      isStepping = Number.isFinite(retryAtMs);
      if (isStepping) clock.schedule(step, Math.max(0, retryAtMs - clock.now()));
      return;
    }
    isStepping = true;
    const fullness = running.length / maxNumSeqs;
    const decodeMs = stepMs * (1 + (fullBatchSlowdown - 1) * fullness);
    const prefillMs = (prefillTokens / prefillTokensPerSecond) * 1_000;
    clock.schedule(finishStep, (decodeMs + prefillMs) * timeScale);
  }

  function finishStep(): void {
    for (const sequence of [...running]) {
      if (!sequence.isRunning) continue;
      sequence.generated++;
      const isLast = sequence.generated >= sequence.job.outputTokens;
      if (isLast) release(sequence, true);
      else grow(sequence);
      sequence.job.onToken(isLast);
    }
    step();
  }

  function grow(sequence: Sequence): void {
    const blocks = blocksFor(sequence.job.promptTokens + sequence.generated + 1);
    while (blocks > sequence.blocks && usedBlocks >= numGpuBlocks) {
      const newest = running.at(-1);
      if (newest === undefined || newest === sequence) break;
      // vLLM throws out the newest request; it computes its tokens again later.
      preemptions++;
      release(newest, false);
      waiting.unshift(newest);
    }
    if (usedBlocks + blocks - sequence.blocks > numGpuBlocks) return;
    usedBlocks += blocks - sequence.blocks;
    sequence.blocks = blocks;
  }

  function release(sequence: Sequence, isOver: boolean): void {
    sequence.isOver = isOver;
    if (!sequence.isRunning) return;
    sequence.isRunning = false;
    usedBlocks -= sequence.blocks;
    sequence.blocks = 0;
    running = running.filter((other) => other !== sequence);
    if (sequence.job.adapter !== undefined) slots.ended(sequence.job.adapter);
  }

  return {
    submit(job) {
      const sequence: Sequence = { job, generated: 0, blocks: 0, isRunning: false, isOver: false };
      if (timeScale === 0) {
        for (let i = 1; i <= job.outputTokens; i++) job.onToken(i === job.outputTokens);
        return () => {};
      }
      waiting.push(sequence);
      if (!isStepping) {
        isStepping = true;
        clock.schedule(step, 0);
      }
      return () => {
        if (sequence.isOver) return;
        release(sequence, true);
        waiting = waiting.filter((other) => other !== sequence);
      };
    },
    gauges: () => ({
      waiting: waiting.length,
      running: running.length,
      kvCacheUsage: usedBlocks / numGpuBlocks,
      runningAdapters: slots.running(),
      waitingAdapters: [...new Set(waiting.flatMap(({ job }) => job.adapter ?? []))],
      adapterLoads: slots.loads,
      preemptions,
    }),
    unload: (adapter) => slots.remove(adapter),
  };
}
