export const requestShapes = ["text", "json", "tools"] as const;

/** The kind of a request: names from bounded lists, never text of the request. */
export interface RequestKind {
  /** Model name from the client if that model is served, otherwise `other`. */
  readonly model: string | null;
  readonly path: string | null;
  /** `tools`: the request offers tools. `json`: it asks for an answer in JSON. */
  readonly shape: (typeof requestShapes)[number] | null;
  readonly priority: string | null;
}
