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

/** What findings of one area are made with. */
export interface Area {
  ok(message: string): Finding;
  /** With the code's own remedy, where there is nothing more exact to say. */
  wrong(severity: Severity, code: DiagnosticCode, message: string, remedy?: string): Finding;
}

export function areaOf(area: string): Area {
  return {
    ok: (message) => ({ severity: "ok", area, message }),
    wrong: (severity, code, message, remedy = diagnosticCodes[code].remedy) => ({
      ...{ severity, area, code, message, remedy },
    }),
  };
}
