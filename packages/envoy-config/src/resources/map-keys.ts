import type { DiagnosticCode } from "../codes.ts";

/** What is wrong with the name of a field. */
export interface KeyProblem {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly remedy?: string;
}

/** Returns what is wrong with the name of a field, next to those of the map that were seen before it. */
export function keyProblem(name: string, seen: ReadonlySet<string>): KeyProblem | undefined {
  if (name === "__proto__") {
    return { code: "UMB0110", message: "the key `__proto__` is not allowed", remedy: "remove it" };
  }
  if (!seen.has(name) || name === "<<") return undefined;
  return { code: "UMB0111", message: `duplicate key \`${name.slice(0, 64)}\` in this map` };
}
