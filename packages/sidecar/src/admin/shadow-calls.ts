import type { IncomingMessage } from "node:http";
import { isPoolCalled } from "@umbra/envoy-config";
import type { MirrorGate, MirrorState } from "../mirror/mirror-gate.ts";

/** The result of a call that changes mirroring. */
export type CallResult =
  | { readonly status: 200; readonly mirrors: readonly MirrorState[] }
  | { readonly status: 400 | 404 | 409 | 413; readonly error: string };

export const shadowCalls = ["pause", "resume", "percent", "stop"] as const;
export type ShadowCall = (typeof shadowCalls)[number];

/** Body of a call. `candidate` selects mirrors by the shadow pool's name; all mirrors when absent. */
interface CallBody {
  readonly candidate?: unknown;
  readonly percent?: unknown;
}

/** Changes mirroring at runtime, without changing Envoy. */
export function callShadow(
  call: ShadowCall,
  text: string,
  gates: readonly MirrorGate[],
): CallResult {
  const body = parseBody(text);
  if (body === undefined) return { status: 400, error: "the body must be a JSON object, or empty" };
  const { candidate, percent } = body;
  const chosen = gates.filter(
    (gate) =>
      candidate === undefined ||
      candidate === gate.key ||
      (typeof candidate === "string" && isPoolCalled(gate.candidate, candidate)),
  );
  if (chosen.length === 0) {
    const there = gates.map((gate) => gate.candidate).join(", ") || "none";
    return { status: 404, error: `no mirror to that pool; existing candidates: ${there}` };
  }
  if (call === "percent") {
    if (typeof percent !== "number" || !(percent >= 0 && percent <= 100)) {
      return { status: 400, error: "`percent` must be a number from 0 to 100" };
    }
    for (const gate of chosen) gate.setShare(Math.round(percent * 10_000));
  }
  const stopped = chosen.filter((gate) => gate.state().pausedBy === "stopped");
  if (call !== "stop" && stopped.length > 0) {
    const names = stopped.map((gate) => gate.candidate).join(", ");
    return {
      status: 409,
      error: `mirroring to ${names} was stopped permanently: restart the sidecar for a new evaluation`,
    };
  }
  for (const gate of chosen) {
    if (call === "pause") gate.pause("paused");
    if (call === "resume") gate.resume();
    if (call === "stop") gate.stop();
  }
  return { status: 200, mirrors: chosen.map((gate) => gate.state()) };
}

function parseBody(text: string): CallBody | undefined {
  if (text.trim() === "") return {};
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

const maxBodyBytes = 4_096;

/** Reads the body of a call; undefined if it is too long. */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  let body = "";
  for await (const chunk of request) {
    body += String(chunk);
    if (body.length > maxBodyBytes) return undefined;
  }
  return body;
}
