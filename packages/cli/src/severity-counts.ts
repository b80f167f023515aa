import type { Severity } from "@umbra/envoy-config";
import { flag, type TypedFlag } from "./flags.ts";

export const failureThreshold: TypedFlag<Severity> = flag(
  "--failure-threshold <severity>",
  "minimum severity that makes the exit status 1",
  ["error", "warning", "info"],
  "error",
);

/** Formats counts such as `2 errors, 1 warning`; empty if there are no findings. */
export function severityCounts(found: readonly { readonly severity: Severity }[]): string {
  const counts = (["error", "warning", "info"] as const).flatMap((severity) => {
    const count = found.filter((each) => each.severity === severity).length;
    return count === 0
      ? []
      : [`${count} ${severity}${count === 1 || severity === "info" ? "" : "s"}`];
  });
  return counts.join(", ");
}
