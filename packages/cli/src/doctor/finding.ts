import { type DiagnosticCode, diagnosticCodes, type Severity } from "@umbra/envoy-config";

/** One thing that was looked at: in order, or with a code that says what is wrong with it. */
export interface Finding {
  readonly severity: Severity | "ok";
  /** What it belongs to: `machine`, `ports`, `sidecar`, `resources` or `pool <name>`. */
  readonly area: string;
  /** Absent where all is well. */
  readonly code?: string;
  /** What was seen; lower case, no full stop. */
  readonly message: string;
  /** How to fix it; absent where all is well. */
  readonly remedy?: string;
}

export function ok(area: string, message: string): Finding {
  return { severity: "ok", area, message };
}

/** With the code's own remedy, where there is nothing more exact to say. */
export function wrong(
  severity: Severity,
  code: DiagnosticCode,
  area: string,
  message: string,
  remedy: string = diagnosticCodes[code].remedy,
): Finding {
  return { severity, area, code, message, remedy };
}
