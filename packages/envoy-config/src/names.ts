import { type ResourceRef, resourceName } from "./resource-ref.ts";
import type { MirrorOrigin, RouteOrigin } from "./topology.ts";

/*
 * Every name that is made of several parts is made here. Names are for people, for Envoy and as keys between processes:
 * nothing takes one apart, since the parts stand beside it as data.
 */

/** Of the pool that one port of a Service makes. */
export function servicePoolName(service: ResourceRef, port: number): string {
  return `service:${resourceName(service)}:${port}`;
}

/** `<namespace>/<httproute>/<rule>`. */
export function ruleName({ route, rule }: Pick<RouteOrigin, "route" | "rule">): string {
  return `${resourceName(route)}/${rule}`;
}

/** `<rule>/<match>`, with `-<backend>` behind it where the route has a backend's share. */
export function routeName(origin: RouteOrigin): string {
  const share = origin.backend === undefined ? "" : `-${origin.backend}`;
  return `${ruleName(origin)}/${origin.match}${share}`;
}

/** `<rule>/mirror/<filter>`, or `<rule>/mirror/<backend>-<filter>`. */
export function mirrorName(origin: MirrorOrigin): string {
  return `${ruleName(origin)}/mirror/${mirrorOfRule(origin)}`;
}

/** What tells a mirror from the others of its rule. */
export function mirrorOfRule({ backend, filter }: MirrorOrigin): string {
  return backend === undefined ? String(filter) : `${backend}-${filter}`;
}

/** Whether people mean the pool: they write its name, or the end of it: `llama` for `default/llama`. */
export function isPoolCalled(pool: string, text: string): boolean {
  return pool === text || pool.endsWith(`/${text}`);
}
