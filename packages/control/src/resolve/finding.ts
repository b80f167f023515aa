import { type Diagnostic, type DiagnosticCode, diagnosticCodes } from "@umbra/envoy-config";
import type { FilePlace } from "./places.ts";

/** Longest message: what Envoy says may quote a whole resource. */
const maxMessage = 1_000;

/** A problem that only shows when all resources are put together. */
export function finding(code: DiagnosticCode, message: string, place: FilePlace): Diagnostic {
  const bounded = message.length > maxMessage ? `${message.slice(0, maxMessage)}…` : message;
  const { remedy } = diagnosticCodes[code];
  return { severity: "error", code, message: bounded, remedy, ...place };
}
