import { type RuleOfRoute, ruleRef, rulesOf } from "../resolve/rule-of-route.ts";
import { inRule, type Report } from "../resources/report.ts";
import type { LintInput } from "./lint-input.ts";

/** Generating takes longer than the usual timeouts of other services. */
const shortTimeoutMs = 30_000;

/** Reports rules without a serving backend or with a short timeout. */
export function lintRules({ resources }: LintInput, report: Report): void {
  for (const each of resources.routes.flatMap(rulesOf)) {
    lintRule(each, inRule(report, ruleRef(each.origin)));
  }
}

function lintRule({ route, rule }: RuleOfRoute, report: Report): void {
  const { place, backends, redirect, retry, ...limits } = rule;
  // With retries, the limit of an attempt applies only until its answer begins.
  const timeoutMs =
    retry === undefined && limits.backendTimeoutMs !== undefined
      ? limits.backendTimeoutMs
      : limits.timeoutMs;
  const weight = backends.reduce((sum, backend) => sum + backend.weight, 0);
  if (redirect === undefined && weight === 0) {
    const why = backends.length === 0 ? "has no backendRefs" : "has only backends with weight 0";
    const message = `rule of HTTPRoute "${route.name}" ${why}: its requests get 500`;
    report("warning", "UMB0306", place, message);
  }
  if (timeoutMs !== undefined && timeoutMs < shortTimeoutMs) {
    const message = `this rule cuts off answers after ${timeoutMs / 1_000} s, even if they are streaming`;
    report("info", "UMB0309", place, message);
  }
}
