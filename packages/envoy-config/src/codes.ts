import type { Diagnostic } from "./diagnostic.ts";

/** Stable: people search for them. */
export type DiagnosticCode = keyof typeof codes;

const codes = {
  UMB0101: "the YAML can't be read",
  UMB0102: "a document is not a Kubernetes resource",
  UMB0103: "a field is missing",
  UMB0104: "a field has the wrong type or value",
  UMB0105: "a field is not known",
  UMB0106: "a resource stands twice",
  UMB0107: "a resource of this kind is left out",
  UMB0201: "there is nothing to serve",
  UMB0202: "a route is attached to no listener",
  UMB0203: "a backend can't be resolved",
  UMB0204: "a mirror can't be resolved",
  UMB0205: "a pool has no known endpoint",
  UMB0206: "an endpoint list can't be read",
  UMB0207: "a flag names a resource that is not there",
  UMB0208: "a feature of a resource is not supported",
  UMB0209: "two policies hold for the same rule",
  UMB0210: "a policy's target or candidate is not there",
  UMB0211: "an EndpointPickerConfig can't be used",
} as const;

/** What each diagnostic code is about. */
export const diagnosticCodes: Readonly<Record<DiagnosticCode, string>> = codes;

/** `FILE:LINE:COLUMN severity code message`. */
export function formatDiagnostic({
  file,
  line,
  column,
  severity,
  code,
  message,
}: Diagnostic): string {
  return `${file}:${line}:${column} ${severity} ${code} ${message}`;
}
