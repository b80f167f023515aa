/** What one event of an answer, or a whole JSON answer, says. */
export interface AnswerEvent {
  /** It carries a token: text, reasoning, or a piece of a tool call. */
  readonly hasToken: boolean;
  /** The token is one that a reader sees: no reasoning. */
  readonly isVisible: boolean;
  /** Unicode code points of visible text in it. */
  readonly chars: number;
  readonly id?: string;
  readonly model?: string;
  readonly finishReason?: FinishReason;
  readonly usage?: AnswerUsage;
  /** The format's own mark that nothing follows. */
  readonly isLast?: true;
  /** An error object inside a 200 answer. */
  readonly isError?: true;
}

export interface AnswerUsage {
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  readonly outTokens?: number;
}

/** A closed list, whatever a server's own words are. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "other";

export const nothingSaid: AnswerEvent = { hasToken: false, isVisible: false, chars: 0 };
