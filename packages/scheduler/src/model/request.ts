import { finiteOrUndefined } from "./finite-or-undefined.ts";

/** How important a request is, as in InferenceModel. Only sheddable requests are refused while a pool is saturated. */
export type Criticality = "Critical" | "Standard" | "Sheddable";

/** What a pick needs to know about one LLM request. None of it is kept after the request has ended. */
export interface InferenceRequest {
  /** Model name from the client: a base model or an adapter. */
  readonly model: string;
  /** Set if `model` names a LoRA adapter. An unknown name counts as a base model. */
  readonly adapter?: string;
  /** Base model of `adapter`, if known, for profiles and plugins that use it. */
  readonly baseModel?: string;
  readonly criticality?: Criticality;
  /** Priority as in InferenceObjective: higher first, negative is sheddable. Overrides `criticality`. */
  readonly priority?: number;
  /**
   * The prompt, in any encoding in which equal beginnings have equal bytes, such as the raw JSON of `messages`. Read
   * only if a scorer uses the prefix cache, and never kept.
   */
  readonly prompt?: Uint8Array;
  /** Tokens of the prompt; a quarter of its bytes when absent. */
  readonly promptTokens?: number;
  /** Expected output tokens; the recent average of the pool when absent. */
  readonly expectedOutputTokens?: number;
  /** Shared by the requests of one conversation; see `sessionKey`. */
  readonly session?: string;
  /** Only these endpoints may be picked: `ip:port`, or `ip` for every port of it. An empty list allows none. */
  readonly subset?: readonly string[];
  /** Endpoints not to pick, such as those already tried. */
  readonly exclude?: readonly string[];
  /** Values for choosing a profile and for your own plugins. */
  readonly attributes?: Readonly<Record<string, string>>;
}

const priorities = { Critical: 1, Standard: 0, Sheddable: -1 } as const;

/** Returns the request's priority: an integer, 0 by default. */
export function priorityOf({ priority, criticality = "Standard" }: InferenceRequest): number {
  return priority ?? priorities[criticality];
}

/** True if the request may be refused while the pool is saturated. */
export function isSheddable(request: InferenceRequest): boolean {
  return priorityOf(request) < 0;
}

/** Approximate bytes per token of English text. */
const bytesPerToken = 4;

/** Tokens of the request's prompt; estimated from the prompt if not given, 0 without a prompt. */
export function promptTokensOf({ promptTokens, prompt }: InferenceRequest): number {
  const estimate = prompt === undefined ? 0 : Math.ceil(prompt.length / bytesPerToken);
  return finiteOrUndefined(promptTokens) ?? estimate;
}
