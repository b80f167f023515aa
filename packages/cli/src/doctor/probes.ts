import { jsonObject } from "../json-object.ts";
import { areaOf, type Finding } from "./finding.ts";
import { getPage } from "./get-page.ts";

const { ok, wrong } = areaOf("sidecar");

/** Asks a sidecar elsewhere, at the address of its `--probes`, whether it is ready. */
export async function checkProbes(address: string, timeoutMs: number): Promise<Finding> {
  const ready = await getPage(`http://${address}/readyz`, { timeoutMs });
  const answer = jsonObject(ready.text ?? "");
  if (answer === undefined || typeof answer.status !== "string") {
    const why = ready.ok ? "another program answers" : ready.reason;
    const remedy = `start \`umbra serve\` with --probes, and let this machine reach ${address}`;
    return wrong("error", "UMB0416", `no sidecar has its probes at ${address}: ${why}`, remedy);
  }
  const who = `the sidecar with its probes at ${address}`;
  if (!ready.ok) return wrong("error", "UMB0415", `${who} is not ready: ${list(answer.missing)}`);
  const degraded = list(answer.degraded);
  if (degraded === "") return ok(`${who} is ready`);
  return wrong("warning", "UMB0415", `${who} is ready, but serves an old state: ${degraded}`);
}

const shown = 8;

function list(value: unknown): string {
  return Array.isArray(value) ? value.slice(0, shown).join(", ") : "";
}
