/** A LoRA module of `--lora-modules`. */
export interface LoraModule {
  readonly name: string;
  readonly path: string;
}

/** Options of a simulated server. Names follow vLLM's arguments where they exist. */
export interface SimulatorOptions {
  readonly model: string;
  /** Names that clients may use instead of `model`; `model` itself when empty. */
  readonly servedModelNames: readonly string[];
  readonly enableLora: boolean;
  readonly loraModules: readonly LoraModule[];
  /** Adapters on the GPU at once. */
  readonly maxLoras: number;
  readonly maxCpuLoras: number;
  /** Requests running at once. */
  readonly maxNumSeqs: number;
  /** Most tokens of prompt and output together. */
  readonly maxModelLen: number;
  /** Tokens in a KV-cache block. */
  readonly blockSize: number;
  readonly numGpuBlocks: number;
  /** Most tokens that one step computes; a longer prompt takes several steps. */
  readonly maxNumBatchedTokens: number;
  /** Prefill speed of the whole server. */
  readonly prefillTokensPerSecond: number;
  /** Decode speed of a single sequence; with a full batch it is a third of it. */
  readonly decodeTokensPerSecond: number;
  /** Time to load one adapter to the GPU, in ms. */
  readonly loraLoadMs: number;
  readonly seed: number;
  /** Share of tool calls whose arguments break the tool's schema, 0 to 1. */
  readonly brokenToolCalls: number;
  /** Share of answers that differ from all others from some token on, 0 to 1: as of a model that samples. */
  readonly textNoise: number;
  /** Added to every log probability, in nats: as of another engine. */
  readonly logprobDrift: number;
  /** Factor for all times: 1 is the speed of a GPU, 0.5 is twice as fast, 0 answers immediately. */
  readonly timeScale: number;
  /** V0 calls the KV cache's gauge `vllm:gpu_cache_usage_perc`. */
  readonly metricsVersion: "v0" | "v1";
  /** Receives log lines in vLLM's format. */
  readonly log: (line: string) => void;
}

export const defaultOptions: SimulatorOptions = {
  model: "/model/llama2",
  servedModelNames: [],
  enableLora: false,
  loraModules: [],
  maxLoras: 1,
  maxCpuLoras: 1,
  maxNumSeqs: 256,
  maxModelLen: 4_096,
  blockSize: 16,
  numGpuBlocks: 4_096,
  maxNumBatchedTokens: 8_192,
  prefillTokensPerSecond: 8_000,
  decodeTokensPerSecond: 60,
  loraLoadMs: 150,
  seed: 0,
  brokenToolCalls: 0,
  textNoise: 0,
  logprobDrift: 0,
  timeScale: 1,
  metricsVersion: "v1",
  log: () => {},
};
