import type { TokenLogprob } from "./log-probabilities.ts";
import type { ToolCall } from "./tool-calls.ts";

/** One answer of a model, as text in memory. Of several choices, the first. */
export interface Answer {
  /** Visible text; it may begin with reasoning in `<think>`. */
  readonly text: string;
  readonly toolCalls?: readonly ToolCall[];
  /** Whether the API's `refusal` field is set and not empty. */
  readonly hasRefusal?: boolean;
  /** `finish_reason` of OpenAI's API, `stop_reason` of Anthropic's. */
  readonly finishReason?: string;
  readonly logprobs?: readonly TokenLogprob[];
  /** True if this is only the start of the answer. */
  readonly isCut?: boolean;
  /**
   * Digest of the rest of a cut answer. Both answers must be cut by the same rule. Without digests, it is unknown
   * whether two answers with the same start are equal.
   */
  readonly rest?: string;
}
