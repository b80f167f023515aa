import { createLoraSlots } from "./lora-slots.ts";
import type { SimulatorOptions } from "./options.ts";
import { createPrefixCache } from "./prefix-cache.ts";

/** One generation. Lengths in tokens. */
export interface Job {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly adapter?: string;
  /** Hashes of the prompt's full KV blocks, each covering all before it. Absent: nothing of it is cached. */
  readonly promptBlocks?: readonly number[];
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
  /** Prompt tokens with known hashes so far, and those of them that were cached. */
  readonly prefixQueryTokens: number;
  readonly prefixHitTokens: number;
}

export interface EngineClock {
  /** In ms. */
  readonly now: () => number;
  readonly schedule: (run: () => void, afterMs: number) => void;
}

interface Sequence {
  readonly job: Job;
  generated: number;
  /** Prompt tokens, and tokens lost by a preemption, that are still to be computed. */
  prefillLeft: number;
  /** Blocks of its own, besides the prompt's shared ones. */
  blocks: number;
  isRunning: boolean;
  isOver: boolean;
}

/** A step of a full batch takes three times as long as one of a single sequence. */
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

  /** Takes blocks for all that the sequence has so far and one token more; false where there is no room. */
  function allocate(sequence: Sequence): boolean {
    const shared = sharedOf(sequence);
    const tokens = sequence.job.promptTokens + sequence.generated;
    const own = Math.max(0, blocksFor(tokens + 1) - shared.length);
    if (usedBlocks() + own + cache.cost(shared) > numGpuBlocks) return false;
    // Something is always computed: the last token's output is needed.
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

  /** Moves from the queue what fits now. Returns when to look again if nothing runs. */
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
      // First come, first served: nothing small overtakes a request that waits for memory.
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

  /** Shares the step's tokens out: first one for each sequence that generates, then prompts in order. */
  function prefill(): number {
    let budget = options.maxNumBatchedTokens;
    for (const { prefillLeft } of running) if (prefillLeft === 0) budget--;
    let tokens = 0;
    for (const sequence of running) {
      if (sequence.prefillLeft === 0) continue;
      // However many generate, some prompt goes on: a full budget must not starve it.
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
      // vLLM throws out the newest request; it computes its tokens again later.
      preemptions++;
      release(newest, false);
      waiting.unshift(newest);
    }
    ownBlocks++;
    sequence.blocks++;
    cache.keepFree(numGpuBlocks - usedBlocks());
  }

  /** Its place in the batch is cleared at the end of the step. */
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
