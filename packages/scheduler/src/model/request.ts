/** What a pick needs to know of one LLM request. */
export interface InferenceRequest {
  /** As the client named it: a base model or an adapter. */
  readonly model: string;
  /** Set when `model` names a LoRA adapter. A name that nobody knows counts as a base model. */
  readonly adapter?: string;
}
