import { type ResourceRef, resourceName } from "./resource-ref.ts";
import type { Listener, MirrorOrigin, RouteOrigin } from "./topology.ts";

/*
 * Builds every name that has several parts. Names are for people, for Envoy and as keys between processes. Nothing parses a name: its parts are also available as data.
 */

/** Name of the pool for one port of a Service. */
export function servicePoolName(service: ResourceRef, port: number): string {
  return `service:${resourceName(service)}:${port}`;
}

/** Name of what listens on an address and port: `0.0.0.0:8080`, `[::]:8080`. */
export function socketName({ address, port }: Pick<Listener, "address" | "port">): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** `<namespace>/<httproute>/<rule>`. */
export function ruleName({ route, rule }: Pick<RouteOrigin, "route" | "rule">): string {
  return `${resourceName(route)}/${rule}`;
}

/** `<rule>/<match>`, followed by `-<backend>` if the route has a backend's share. */
export function routeName(origin: RouteOrigin): string {
  const share = origin.backend === undefined ? "" : `-${origin.backend}`;
  return `${ruleName(origin)}/${origin.match}${share}`;
}

/** `<rule>/mirror/<filter>`, or `<rule>/mirror/<backend>-<filter>`. */
export function mirrorName(origin: MirrorOrigin): string {
  return `${ruleName(origin)}/mirror/${mirrorOfRule(origin)}`;
}

/** Identifies a mirror within its rule. */
export function mirrorOfRule({ backend, filter }: MirrorOrigin): string {
  return backend === undefined ? String(filter) : `${backend}-${filter}`;
}

/** True if a user's text names the pool: its full name or the end of it, such as `llama` for `default/llama`. */
export function isPoolCalled(pool: string, text: string): boolean {
  return pool === text || pool.endsWith(`/${text}`);
}
