import type { ModelServerMetrics } from "../model/endpoint.ts";
import type { Member } from "./member.ts";

/** Sets `isReady` by the newest metrics and health page. A server that says nothing is ready. */
export function updateReadiness(member: Member): void {
  const { metrics, isHealthPageReady } = member;
  const state = metrics.kind === "missing" ? undefined : metrics.metrics.state;
  member.isReady = isHealthPageReady && (state === undefined || state === "ready");
}

/** Forgets what stale metrics say of the engine's state: one that was asleep may be awake, and is tried again. */
export function dropState(member: Member, stale: ModelServerMetrics): void {
  const { state: _, ...others } = stale;
  member.metrics = { kind: "stale", metrics: others };
  updateReadiness(member);
}
