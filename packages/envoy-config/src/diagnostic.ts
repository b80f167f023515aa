/** One thing that is wrong, or worth knowing, in the resources. */
export interface Diagnostic {
  readonly severity: "error" | "warning" | "info";
  /** Stable, e.g. `UMB0104`; documented in `docs/errors.md`. */
  readonly code: string;
  /** What is wrong and how to mend it; lower case, no full stop. */
  readonly message: string;
  /** As the user named it; `-` for standard input. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}
