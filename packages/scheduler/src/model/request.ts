import { toldAmount } from "./told-amount.ts";

/** How much a request matters, as InferenceModels say it. Only sheddable ones are refused when a pool is full. */
export type Criticality = "Critical" | "Standard" | "Sheddable";

/** What a pick needs to know of one LLM request. Nothing of it is kept longer than the request is in flight. */
export interface InferenceRequest {
  /** As the client named it: a base model or an adapter. */
  readonly model: string;
  /** Set when `model` names a LoRA adapter. A name that nobody knows counts as a base model. */
  readonly adapter?: string;
  /** The base model of `adapter`, where it is known: for profiles and plugins that go by it. */
  readonly baseModel?: string;
  readonly criticality?: Criticality;
  /** As InferenceObjectives say it: higher first, negative means sheddable. Goes before `criticality`. */
  readonly priority?: number;
  /**
   * The bytes that the model reads, in any encoding that keeps equal beginnings equal: the raw JSON of `messages`
   * will do. Read only where a scorer asks for the prefix cache, and never kept.
   */
  readonly prompt?: Uint8Array;
  /** Tokens of the prompt; a fourth of its bytes when absent. */
  readonly promptTokens?: number;
  /** Output tokens that the client will probably get; what requests got lately when absent. */
  readonly expectedOutputTokens?: number;
  /** Requests of one conversation share it; see `sessionKey`. */
  readonly session?: string;
  /** Only these endpoints may be picked: `ip:port`, or `ip` for every port of it. An empty list allows none. */
  readonly subset?: readonly string[];
  /** Endpoints not to be picked again, e.g. those that were tried. */
  readonly exclude?: readonly string[];
  /** Anything that a profile is chosen by or a plugin of yours reads. */
  readonly attributes?: Readonly<Record<string, string>>;
}

const priorities = { Critical: 1, Standard: 0, Sheddable: -1 } as const;

/** The request's priority: an integer, 0 when it names none. */
export function priorityOf({ priority, criticality = "Standard" }: InferenceRequest): number {
  return priority ?? priorities[criticality];
}

/** True for a request that may be refused so that others are served. */
export function isSheddable(request: InferenceRequest): boolean {
  return priorityOf(request) < 0;
}

/** Bytes of text in a token of English prose, about. */
const bytesPerToken = 4;

/** Tokens of the request's prompt, estimated where they are not given; 0 where there is no prompt either. */
export function promptTokensOf({ promptTokens, prompt }: InferenceRequest): number {
  const estimate = prompt === undefined ? 0 : Math.ceil(prompt.length / bytesPerToken);
  return toldAmount(promptTokens) ?? estimate;
}
