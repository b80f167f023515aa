import type { Member } from "./member.ts";

/** Sets `isReady` by the newest metrics and health page. A server that says nothing is ready. */
export function updateReadiness(member: Member): void {
  const { metrics, isHealthPageReady } = member;
  const state = metrics.kind === "missing" ? undefined : metrics.metrics.state;
  member.isReady = isHealthPageReady && (state === undefined || state === "ready");
}

/** Forgets what the newest metrics say of the engine's state: one that was asleep may be awake, and is tried again. */
export function dropState(member: Member): void {
  if (member.metrics.kind === "missing") return;
  const { state: _, ...others } = member.metrics.metrics;
  member.metrics = { kind: member.metrics.kind, metrics: others };
  updateReadiness(member);
}
