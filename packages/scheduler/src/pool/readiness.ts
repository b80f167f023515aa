import type { ModelServerMetrics } from "../model/endpoint.ts";
import type { Member } from "./member.ts";

/** Sets `isReady` from the newest metrics and health page. A server that reports no state counts as ready. */
export function updateReadiness(member: Member): void {
  const { metrics, isHealthPageReady } = member;
  const state = metrics.kind === "missing" ? undefined : metrics.metrics.state;
  member.isReady = isHealthPageReady && (state === undefined || state === "ready");
}

/** Drops the engine state from stale metrics: an engine that was asleep may be awake and is tried again. */
export function dropState(member: Member, stale: ModelServerMetrics): void {
  const { state: _, ...others } = stale;
  member.metrics = { kind: "stale", metrics: others };
  updateReadiness(member);
}
