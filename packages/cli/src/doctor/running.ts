import { crashingGuardEffect, hasCrashingGuardOn } from "@umbra/envoy-config";
import type { AdminPath } from "@umbra/sidecar";
import { jsonObject, objectOf } from "../json-object.ts";
import { areaOf, type Finding } from "./finding.ts";
import { getPage, type PageRead } from "./get-page.ts";

/** The Umbra processes that already run on this machine. */
export interface Running {
  /** The version from Envoy's admin interface; undefined if none answers. */
  readonly envoyVersion: string | undefined;
  /** Ports that the running Envoy listens on. */
  readonly envoyPorts: ReadonlySet<number>;
  readonly isSidecarUp: boolean;
  readonly findings: readonly Finding[];
}

/** Queries the admin interfaces of a sidecar and an Envoy, if they run. */
export async function checkRunning(
  { admin, envoyAdmin }: { readonly admin: string; readonly envoyAdmin: string },
  timeoutMs: number,
): Promise<Running> {
  const get = (address: string, path: string) => getPage(`http://${address}${path}`, { timeoutMs });
  const sidecar = (path: AdminPath) => get(admin, path);
  const [info, listeners, runtime, alive, ready, pools] = await Promise.all([
    get(envoyAdmin, "/server_info"),
    get(envoyAdmin, "/listeners?format=json"),
    get(envoyAdmin, "/runtime?format=json"),
    sidecar("/healthz"),
    sidecar("/readyz"),
    sidecar("/v1/pools"),
  ]);
  const { version, state } = fieldsOf(info);
  const isEnvoyUp = typeof version === "string" && typeof state === "string";
  const isSidecarUp = fieldsOf(alive).status === "alive";
  return {
    envoyVersion: isEnvoyUp ? version : undefined,
    envoyPorts: isEnvoyUp ? portsIn(listeners) : new Set(),
    isSidecarUp,
    findings: [
      ...(isSidecarUp ? sidecarFindings(admin, ready, pools) : [ok(`no sidecar runs at ${admin}`)]),
      ...(isEnvoyUp && state !== "LIVE"
        ? [wrong("warning", "UMB0415", `Envoy at ${envoyAdmin} is ${state}`)]
        : []),
      ...(isEnvoyUp ? guardFindings(envoyAdmin, runtime) : []),
    ],
  };
}

/** Covers all runtime layers of this Envoy, including layers loaded from elsewhere. */
function guardFindings(envoyAdmin: string, runtime: PageRead): readonly Finding[] {
  if (!hasCrashingGuardOn(fieldsOf(runtime))) return [];
  const message = `the runtime of Envoy at ${envoyAdmin} ${crashingGuardEffect}`;
  return [wrong("warning", "UMB0330", message)];
}

const { ok, wrong } = areaOf("sidecar");

function sidecarFindings(admin: string, ready: PageRead, pools: PageRead): readonly Finding[] {
  if (ready.ok) return [ok(`the sidecar at ${admin} is ready`), ...staleFindings(admin, pools)];
  const missing = jsonObject(ready.text ?? "")?.missing;
  const why = Array.isArray(missing) ? missing.slice(0, 8).join(", ") : `/readyz ${ready.reason}`;
  const message = `the sidecar at ${admin} is not ready: ${why}`;
  return [wrong("warning", "UMB0415", message), ...staleFindings(admin, pools)];
}

/** Finds endpoints for which the running sidecar has no fresh metrics. */
function staleFindings(admin: string, page: PageRead): readonly Finding[] {
  const { pools } = fieldsOf(page);
  if (!Array.isArray(pools)) return [];
  return (pools as readonly unknown[]).flatMap((pool) => {
    const { name, endpoints } = objectOf(pool) ?? {};
    if (!Array.isArray(endpoints)) return [];
    return (endpoints as readonly unknown[]).flatMap((endpoint) => {
      const { address, metrics, metricsAgeMs, lastFailure } = objectOf(endpoint) ?? {};
      const kind = objectOf(metrics)?.kind;
      if (kind !== "missing" && kind !== "stale") return [];
      const age =
        typeof metricsAgeMs === "number" ? `${(metricsAgeMs / 1_000).toFixed(1)} s old` : "missing";
      // A failure such as "/metrics answered 404: set the metrics path" ends with its own remedy.
      const [failure, remedy] =
        typeof lastFailure === "string" ? lastFailure.split(/: (?=[a-z])/) : [];
      const why = failure === undefined ? "" : ` (${failure})`;
      const message = `the sidecar at ${admin} picks without metrics from ${String(address)} (pool ${String(name)}): they are ${age}${why}`;
      return [wrong("warning", "UMB0412", message, remedy)];
    });
  });
}

function portsIn(page: PageRead): ReadonlySet<number> {
  const { listener_statuses: statuses } = fieldsOf(page);
  if (!Array.isArray(statuses)) return new Set();
  const ports = (statuses as readonly unknown[]).map((status) => {
    const { local_address: at } = objectOf(status) ?? {};
    return objectOf(objectOf(at)?.socket_address)?.port_value;
  });
  return new Set(ports.filter((port) => typeof port === "number"));
}

function fieldsOf(page: PageRead): Readonly<Record<string, unknown>> {
  return (page.ok ? jsonObject(page.text) : undefined) ?? {};
}
