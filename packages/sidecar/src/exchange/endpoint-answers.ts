import type { Leg, LegClass } from "@umbra/shadow";
import type { PoolRegistry } from "./pool-registry.ts";

/** How a leg ends when its endpoint has failed; Envoy's own refusals and clients that leave are not its fault. */
const failures: ReadonlySet<LegClass> = new Set<LegClass>([
  "server_error",
  "connect",
  "timeout",
  "truncated",
  "stream_error",
  "malformed",
]);
/** Says nothing about the endpoint. */
const unknown: ReadonlySet<LegClass> = new Set<LegClass>([
  "client_cancelled",
  "propagated_cancel",
  "cap_cancelled",
]);

/** Tells the leg's pool how its endpoint has answered: what fails again and again is ejected for a while. */
export function recordEndpointAnswer(
  { pool, endpoint, class: how, ttftMs, status }: Leg,
  pools: PoolRegistry,
): void {
  if (endpoint === undefined || unknown.has(how)) return;
  if (status === 404) pools.get(pool)?.served.doubt(endpoint);
  pools.get(pool)?.state.recordAnswer(endpoint, {
    ok: !failures.has(how),
    ...(ttftMs === undefined ? {} : { ttftMs }),
  });
}
