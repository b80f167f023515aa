/** A LoRA module as `--lora-modules` names it. */
export interface LoraModule {
  readonly name: string;
  readonly path: string;
}

/** What a simulated server is like. Names follow vLLM's arguments where it has them. */
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
  /** Prompt and output together, in tokens. */
  readonly maxModelLen: number;
  /** Tokens in a KV-cache block. */
  readonly blockSize: number;
  readonly numGpuBlocks: number;
  /** Tokens of prompts and outputs that one step computes at most; a longer prompt takes several. */
  readonly maxNumBatchedTokens: number;
  /** Of the whole server. */
  readonly prefillTokensPerSecond: number;
  /** Of one sequence that runs alone; with a full batch it is a third of it. */
  readonly decodeTokensPerSecond: number;
  /** To bring one adapter to the GPU, in ms. */
  readonly loraLoadMs: number;
  readonly seed: number;
  /** 1 is as slow as a GPU, 0.5 twice as fast, 0 answers at once. */
  readonly timeScale: number;
  /** V0 calls the KV cache's gauge `vllm:gpu_cache_usage_perc`. */
  readonly metricsVersion: "v0" | "v1";
  /** Takes vLLM's request lines. */
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
  timeScale: 1,
  metricsVersion: "v1",
  log: () => {},
};
