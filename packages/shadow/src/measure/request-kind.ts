export const requestShapes = ["text", "json", "tools"] as const;

/** What requests are told apart by: names of bounded lists, never text of the request. */
export interface RequestKind {
  /** As the client named it, where it is a model that is served; else `other`. */
  readonly model: string | null;
  readonly path: string | null;
  /** `tools`: tools are offered. `json`: an answer in JSON is asked for. */
  readonly shape: (typeof requestShapes)[number] | null;
  readonly priority: string | null;
}
