import type { ShadowReport, ValidityCheck } from "../report/shadow-report.ts";
import { number } from "./format.ts";

/** Formats the limits: `0.8 to 1.25`, `at least 0.95`; empty for a trend. */
export function checkLimits({ limits }: ValidityCheck): string {
  const [low, high] = limits ?? [null, null];
  if (low !== null && low === high) return "";
  if (low !== null && high !== null) return `${low} to ${high}`;
  if (low !== null) return `at least ${low}`;
  return high === null ? "" : `at most ${high}`;
}

/** Formats the value of a check and its limits. */
export function checkValue(check: ValidityCheck): string {
  const limits = checkLimits(check);
  return limits === "" ? number(check.value) : `${number(check.value)} (${limits})`;
}

/** Result of a check in words, with its sign. A check without limits is for information only. */
export function checkWord({ ok, effect, value, limits, at_risk }: ValidityCheck): string {
  if (at_risk === true) return "… at risk";
  if (ok === null) return limits === null && value !== null ? "· for information" : "– not checked";
  if (ok) return "✓ ok";
  return { invalid: "✗ broken", inconclusive: "… blocks PASS", warning: "! warning" }[effect];
}

/** What each check protects from, for the sentence about checks that were not made. */
const protections: Readonly<Record<string, string>> = {
  pairing_rate: "lost shadow responses",
  load_ratio: "load balance between the pools",
  primary_protection: "harm to the primary",
};
/** Checks that a samples file alone does not allow. */
const onlyLive = ["load_ratio", "primary_protection"];

/** Names the checks that a verdict lacks; undefined if all were made. */
export function notChecked({ validity }: ShadowReport): string | undefined {
  const unknown = validity.filter(({ id, ok }) => ok === null && protections[id] !== undefined);
  if (unknown.length === 0) return undefined;
  const names = unknown.map(({ id }) => protections[id] ?? id);
  const isLive = unknown.some(({ id, value }) => onlyLive.includes(id) && value === null);
  return `not checked: ${names.join(", ")}${isLive ? " (needs a live sidecar)" : ""}`;
}
