import { type DiagnosticCode, diagnosticCodes, type Severity } from "@umbra/envoy-config";

/** The result of one check: either all is well, or a code identifies the problem. */
export interface Finding {
  readonly severity: Severity | "ok";
  /** The checked area: `machine`, `ports`, `sidecar`, `resources` or `pool <name>`. */
  readonly area: string;
  /** Absent if all is well. */
  readonly code?: string;
  /** The observation, in lower case and without a full stop. */
  readonly message: string;
  /** How to fix the problem; absent if all is well. */
  readonly remedy?: string;
}

/** Creates findings of one area. */
export interface Area {
  ok(message: string): Finding;
  /** Uses the code's default remedy unless a more specific one is given. */
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
