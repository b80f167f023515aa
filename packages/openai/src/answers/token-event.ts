/** Facts from one event of an answer, or from a whole JSON answer. */
export interface AnswerEvent {
  /** Whether it contains a token: text, reasoning, or a piece of a tool call. */
  readonly hasToken: boolean;
  /** Whether the token is visible, that is, not reasoning. */
  readonly isVisible: boolean;
  /** Unicode code points of visible text in it. */
  readonly chars: number;
  readonly id?: string;
  readonly model?: string;
  readonly finishReason?: FinishReason;
  readonly usage?: AnswerUsage;
  /** Whether it is the format's last event. */
  readonly isLast?: true;
  /** Whether it is an error object inside a 200 answer. */
  readonly isError?: true;
}

export interface AnswerUsage {
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  readonly outTokens?: number;
}

/** Finish reasons, a closed list; other words of a server map to `other`. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "other";

export const nothingSaid: AnswerEvent = { hasToken: false, isVisible: false, chars: 0 };
