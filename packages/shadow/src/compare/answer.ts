import type { TokenLogprob } from "./log-probabilities.ts";
import type { ToolCall } from "./tool-calls.ts";

/** One answer of a model, as text in memory. Of several choices, the first. */
export interface Answer {
  /** Visible text; it may begin with reasoning in `<think>`. */
  readonly text: string;
  readonly toolCalls?: readonly ToolCall[];
  /** Whether it has a `refusal` of its own that is not empty. */
  readonly hasRefusal?: boolean;
  /** `finish_reason` of OpenAI's API, `stop_reason` of Anthropic's. */
  readonly finishReason?: string;
  readonly logprobs?: readonly TokenLogprob[];
  /** True if only the start of the answer is here. */
  readonly isCut?: boolean;
  /**
   * For a cut answer: a digest of what follows. Both answers must be cut by the same rule; without digests it is unknown
   * whether answers with the same start are the same.
   */
  readonly rest?: string;
}
