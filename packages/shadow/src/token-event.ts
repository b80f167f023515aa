/** What one event of an answer, or a whole JSON answer, says. */
export interface AnswerEvent {
  /** It carries a token: text, reasoning, or a piece of a tool call. */
  readonly hasToken: boolean;
  /** Unicode code points of visible text in it. */
  readonly chars: number;
  readonly id?: string;
  readonly model?: string;
  readonly finishReason?: string;
  readonly usage?: { readonly promptTokens?: number; readonly outTokens?: number };
  /** An error object inside a 200 answer. */
  readonly isError?: true;
}
