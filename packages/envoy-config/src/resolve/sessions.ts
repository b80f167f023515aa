import { createHash } from "node:crypto";
import { ruleName } from "../names.ts";
import type { Report } from "../resources/report.ts";
import type { SessionPersistence } from "../resources/resources.ts";
import type { RouteOrigin, Session } from "../topology.ts";
import type { RoutedPool } from "./pools.ts";

/**
 * Resolves the sessions of a rule as far as Envoy supports them: it stores the endpoint in a cookie or header. If
 * Umbra picks, sessions are ignored, because it picks by load and cache, and pinning would override that.
 */
export function resolveSession(
  from: SessionPersistence,
  of: Pick<RouteOrigin, "route" | "rule">,
  served: readonly RoutedPool[],
  report: Report,
): Session | undefined {
  const warn = (message: string) => report("warning", "UMB0226", from.place, message);
  const picked = served.filter(({ picker }) => picker !== "none");
  if (picked.length > 0) {
    const names = [...new Set(picked.map(({ name }) => `"${name}"`))].join(", ");
    warn(`sessions are not pinned to endpoints, because Umbra picks in ${names}`);
    return undefined;
  }
  if (served.length > 1) {
    warn(
      "a session only lasts within a backend, because each request chooses its backend by weight",
    );
  }
  if (from.hasIdleTimeout) warn("`idleTimeout` is not supported and is ignored");
  if (from.absoluteMs !== undefined && !from.isPermanent) {
    warn("`absoluteTimeout` only applies to permanent cookies and is ignored");
  }
  return {
    kind: from.kind,
    name: from.name ?? defaultName(ruleName(of)),
    ...(from.isPermanent && from.absoluteMs !== undefined ? { ttlMs: from.absoluteMs } : {}),
  };
}

/** Constant for a rule, and reveals no internal names to clients. */
function defaultName(rule: string): string {
  return `umbra-session-${createHash("sha256").update(rule).digest("hex").slice(0, 8)}`;
}
