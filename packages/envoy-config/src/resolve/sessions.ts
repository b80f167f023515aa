import { createHash } from "node:crypto";
import { ruleName } from "../names.ts";
import type { Report } from "../resources/report.ts";
import type { SessionPersistence } from "../resources/resources.ts";
import type { Pool, RouteOrigin, Session } from "../topology.ts";

/**
 * The sessions of a rule, as far as Envoy can keep them: it names the endpoint in a cookie or header. Where Umbra picks,
 * endpoints are chosen by load and cache, and a session that pins one would undo it.
 */
export function resolveSession(
  from: SessionPersistence,
  of: Pick<RouteOrigin, "route" | "rule">,
  served: readonly Pool[],
  report: Report,
): Session | undefined {
  const warn = (message: string) => report("warning", "UMB0226", from.place, message);
  const picked = served.filter(({ picker }) => picker !== "none");
  if (picked.length > 0) {
    const names = [...new Set(picked.map(({ name }) => `"${name}"`))].join(", ");
    warn(`sessions are not pinned to endpoints: ${names} is picked`);
    return undefined;
  }
  if (served.length > 1) {
    warn("sessions are kept within a backend: which one is drawn by weight each time");
  }
  if (from.hasIdleTimeout) warn("`idleTimeout` is not supported: it is left out");
  if (from.absoluteMs !== undefined && !from.isPermanent) {
    warn("`absoluteTimeout` holds for permanent cookies alone: it is left out");
  }
  return {
    kind: from.kind,
    name: from.name ?? defaultName(ruleName(of)),
    ...(from.isPermanent && from.absoluteMs !== undefined ? { ttlMs: from.absoluteMs } : {}),
  };
}

/** The same for a rule each time, and telling clients nothing of names here. */
function defaultName(rule: string): string {
  return `umbra-session-${createHash("sha256").update(rule).digest("hex").slice(0, 8)}`;
}
