import { createKnownHosts, type KnownHosts } from "./known-hosts.ts";
import { createKnownRoutes, type KnownRoutes } from "./known-routes.ts";
import { resolveRoutes } from "./routes.ts";
import { virtualHost } from "./virtual-hosts.ts";

/** What a resolution has found out, for the next one: where it still holds, it is not found out again. */
export interface Known {
  readonly routes: KnownRoutes;
  readonly hosts: KnownHosts;
}

export function createKnown(): Known {
  return { routes: createKnownRoutes(resolveRoutes), hosts: createKnownHosts(virtualHost) };
}
