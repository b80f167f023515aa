/** One thing that is wrong, or worth knowing, in the resources. */
export interface Diagnostic {
  readonly severity: Severity;
  /** Stable, e.g. `UMB0104`; each has its section in `docs/errors.md`. */
  readonly code: string;
  /** What is wrong; lower case, no full stop. */
  readonly message: string;
  /** How to mend it; lower case, no full stop. */
  readonly remedy: string;
  /** As the user named it; `-` for standard input, `command line` for a flag. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** Just behind what is meant, where that ends on the same line. */
  readonly endColumn?: number;
  /** The line itself; absent where it may hold a secret. */
  readonly sourceLine?: string;
  /** What a controller would set in the resource's status. */
  readonly condition?: StatusCondition;
}

/** An error stops `render`, `serve` and `up`; a warning is served as it says; an info is for reading. */
export type Severity = "error" | "warning" | "info";

/** One entry of `status.conditions`, as the Gateway API names them. */
export interface StatusCondition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
}
