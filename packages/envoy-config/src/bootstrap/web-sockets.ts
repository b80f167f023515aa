import { servingPoolsOf } from "../queries.ts";
import type { Pool, Route } from "../topology.ts";
import type { EnvoyObject } from "./envoy-object.ts";

/**
 * Returns the route of requests that clients upgrade to a WebSocket; undefined if not all its pools take them. It is
 * picked by headers, because the body of an upgraded request does not end, and it is not mirrored, because a shadow
 * can't answer a conversation.
 */
export function upgradedRoute(
  route: Route,
  pools: Pick<ReadonlyMap<string, Pool>, "get">,
): Route | undefined {
  const serving = servingPoolsOf(route);
  const isTaken = (name: string) => pools.get(name)?.takesWebSockets === true;
  if (serving.length === 0 || !serving.every(isTaken)) return undefined;
  return { ...route, mirrors: [], pickMode: "headers" };
}

/** Restricts a rendered route to upgrades. Envoy removes the header from requests without `connection: upgrade`. */
export function onlyUpgrades(rendered: EnvoyObject): EnvoyObject {
  const {
    match,
    route: to,
    ...others
  } = rendered as {
    readonly match: EnvoyObject & { readonly headers?: readonly EnvoyObject[] };
    readonly route: EnvoyObject;
  };
  const upgrade = { name: "upgrade", string_match: { exact: "websocket", ignore_case: true } };
  return {
    ...others,
    match: { ...match, headers: [...(match.headers ?? []), upgrade] },
    route: { ...to, upgrade_configs: [{ upgrade_type: "websocket" }] },
  };
}
