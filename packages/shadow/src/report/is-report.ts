import { isOutputs } from "./is-outputs.ts";
import type { ShadowReport } from "./shadow-report.ts";

const objects = [
  ...["evaluation", "baseline", "candidate", "verdict", "funnel", "metrics", "throughput"],
  ...["errors", "finish_reasons", "tokens", "plots", "over_time", "behaviour"],
] as const;
const lists = ["gates", "strata", "timeline", "validity", "limits_hit", "segments"] as const;
const ofVerdict = { objects: ["required", "next"], lists: ["reasons", "not_judged"] } as const;

/** True if the JSON is a complete report of a version that can be rendered. */
export function isReport(json: unknown): json is ShadowReport {
  if (!isObject(json)) return false;
  const { schema, verdict, candidate, outputs } = json;
  const isKnown = schema === "shadow-report/2" ? outputs === null : schema === "shadow-report/3";
  return (
    isKnown &&
    (outputs === null || isOutputs(outputs)) &&
    has(json, { objects, lists }) &&
    has(verdict, ofVerdict) &&
    isObject(candidate) &&
    typeof candidate.pool === "string"
  );
}

interface Parts {
  readonly objects: readonly string[];
  readonly lists: readonly string[];
}

function has(json: unknown, parts: Parts): json is Readonly<Record<string, unknown>> {
  return (
    isObject(json) &&
    parts.objects.every((name) => isObject(json[name])) &&
    parts.lists.every((name) => Array.isArray(json[name]))
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
