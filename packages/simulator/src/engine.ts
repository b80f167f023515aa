import { createLoraSlots } from "./lora-slots.ts";
import type { SimulatorOptions } from "./options.ts";
import { createPrefixCache } from "./prefix-cache.ts";

/** One generation. Lengths in tokens. */
export interface Job {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly adapter?: string;
  /** Hashes of the prompt's full KV blocks, each also covering all blocks before it. Nothing is cached when absent. */
  readonly promptBlocks?: readonly number[];
  /** Called for each generated token; `isLast` at the last one. */
  readonly onToken: (isLast: boolean) => void;
}

/** A simulated inference engine: continuous batching over a virtual clock. */
export interface Engine {
  /** Queues a job. Returns a function that cancels it and frees its resources. */
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
  /** Prompt tokens looked up in the prefix cache so far. */
  readonly prefixQueryTokens: number;
  readonly prefixHitTokens: number;
}

export interface EngineClock {
  /** Clock, in ms. */
  readonly now: () => number;
  readonly schedule: (run: () => void, afterMs: number) => void;
}

interface Sequence {
  readonly job: Job;
  generated: number;
  /** Tokens still to be computed: of the prompt, or lost by a preemption. */
  prefillLeft: number;
  /** Its own blocks, without the prompt's shared ones. */
  blocks: number;
  isRunning: boolean;
  isOver: boolean;
}

/** Duration of a step with a full batch relative to a step with a single sequence. */
const fullBatchSlowdown = 3;
const noBlocks: readonly number[] = [];

export function createEngine(options: SimulatorOptions, clock: EngineClock): Engine {
  const { maxNumSeqs, blockSize, numGpuBlocks, prefillTokensPerSecond, timeScale } = options;
  const slots = createLoraSlots(options.maxLoras, options.loraLoadMs * timeScale);
  const cache = createPrefixCache();
  const stepMs = 1_000 / options.decodeTokensPerSecond;
  let waiting: Sequence[] = [];
  let running: Sequence[] = [];
  let ownBlocks = 0;
  let preemptions = 0;
  let prefixQueryTokens = 0;
  let prefixHitTokens = 0;
  let isStepping = false;

  const blocksFor = (tokens: number) => Math.ceil(tokens / blockSize);
  const usedBlocks = () => ownBlocks + cache.used;
  const sharedOf = ({ job }: Sequence) => job.promptBlocks ?? noBlocks;

  /** Allocates blocks for the sequence's tokens and one more. Returns false if there is no room. */
  function allocate(sequence: Sequence): boolean {
    const shared = sharedOf(sequence);
    const tokens = sequence.job.promptTokens + sequence.generated;
    const own = Math.max(0, blocksFor(tokens + 1) - shared.length);
    if (usedBlocks() + own + cache.cost(shared) > numGpuBlocks) return false;
    // At least one token is always computed, because the last token's output is needed.
    const cached = Math.min(cache.match(shared) * blockSize, tokens - 1);
    cache.take(shared);
    ownBlocks += own;
    sequence.blocks = own;
    sequence.prefillLeft = tokens - cached;
    cache.keepFree(numGpuBlocks - usedBlocks());
    prefixQueryTokens += shared.length * blockSize;
    prefixHitTokens += cached;
    return true;
  }

  /** Admits waiting jobs that fit. Returns when to try again if nothing runs. */
  function admit(): number {
    let retryAtMs = Number.POSITIVE_INFINITY;
    if (waiting.length === 0) return retryAtMs;
    const left: Sequence[] = [];
    let isFull = false;
    for (const sequence of waiting) {
      const { adapter } = sequence.job;
      isFull ||= running.length >= maxNumSeqs;
      const readyAtMs: number | undefined =
        isFull || adapter === undefined ? 0 : slots.readyAt(adapter, clock.now());
      const isReady: boolean = readyAtMs !== undefined && readyAtMs <= clock.now();
      if (!isReady) retryAtMs = Math.min(retryAtMs, readyAtMs ?? Number.POSITIVE_INFINITY);
      // First come, first served: no small request overtakes one that waits for memory.
      isFull ||= isReady && !allocate(sequence);
      if (isFull || !isReady) {
        left.push(sequence);
        continue;
      }
      if (adapter !== undefined) slots.started(adapter);
      sequence.isRunning = true;
      running.push(sequence);
    }
    waiting = left;
    return retryAtMs;
  }

  /** Divides the step's tokens: first one for each generating sequence, then prompts in order. */
  function prefill(): number {
    let budget = options.maxNumBatchedTokens;
    for (const { prefillLeft } of running) if (prefillLeft === 0) budget--;
    let tokens = 0;
    for (const sequence of running) {
      if (sequence.prefillLeft === 0) continue;
      // At least one prompt token is always computed, so that many generating sequences can't starve a prompt.
      const chunk = Math.min(sequence.prefillLeft, Math.max(tokens === 0 ? 1 : 0, budget));
      sequence.prefillLeft -= chunk;
      budget -= chunk;
      tokens += chunk;
    }
    return tokens;
  }

  function step(): void {
    const retryAtMs = admit();
    if (running.length === 0) {
      isStepping = Number.isFinite(retryAtMs);
      if (isStepping) clock.schedule(step, Math.max(0, retryAtMs - clock.now()));
      return;
    }
    isStepping = true;
    const fullness = running.length / maxNumSeqs;
    const decodeMs = stepMs * (1 + (fullBatchSlowdown - 1) * fullness);
    const prefillMs = (prefill() / prefillTokensPerSecond) * 1_000;
    clock.schedule(finishStep, (decodeMs + prefillMs) * timeScale);
  }

  function finishStep(): void {
    for (const sequence of [...running]) {
      if (!sequence.isRunning || sequence.prefillLeft > 0) continue;
      sequence.generated++;
      const isLast = sequence.generated >= sequence.job.outputTokens;
      if (isLast) release(sequence, true);
      else grow(sequence);
      sequence.job.onToken(isLast);
    }
    running = running.filter(({ isRunning }) => isRunning);
    step();
  }

  function grow(sequence: Sequence): void {
    const { job, generated } = sequence;
    const wanted = blocksFor(job.promptTokens + generated + 1) - sharedOf(sequence).length;
    if (wanted <= sequence.blocks) return;
    while (usedBlocks() >= numGpuBlocks) {
      const newest = running.findLast(({ isRunning }) => isRunning);
      if (newest === undefined || newest === sequence) return;
      // vLLM preempts the newest request, which computes its tokens again later.
      preemptions++;
      release(newest, false);
      waiting.unshift(newest);
    }
    ownBlocks++;
    sequence.blocks++;
    cache.keepFree(numGpuBlocks - usedBlocks());
  }

  /** The sequence leaves the batch at the end of the step. */
  function release(sequence: Sequence, isOver: boolean): void {
    sequence.isOver = isOver;
    if (!sequence.isRunning) return;
    sequence.isRunning = false;
    ownBlocks -= sequence.blocks;
    sequence.blocks = 0;
    cache.give(sharedOf(sequence));
    if (sequence.job.adapter !== undefined) slots.ended(sequence.job.adapter);
  }

  return {
    submit(job) {
      const nothing = { generated: 0, prefillLeft: 0, blocks: 0 };
      const sequence: Sequence = { job, ...nothing, isRunning: false, isOver: false };
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
        running = running.filter((other) => other !== sequence);
        waiting = waiting.filter((other) => other !== sequence);
      };
    },
    gauges: () => ({
      waiting: waiting.length,
      running: running.length,
      kvCacheUsage: usedBlocks() / numGpuBlocks,
      runningAdapters: slots.running(),
      waitingAdapters: [...new Set(waiting.flatMap(({ job }) => job.adapter ?? []))],
      adapterLoads: slots.loads,
      preemptions,
      prefixQueryTokens,
      prefixHitTokens,
    }),
    unload: (adapter) => slots.remove(adapter),
  };
}
