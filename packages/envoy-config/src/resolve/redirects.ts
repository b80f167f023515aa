import type { RedirectFilter } from "../resources/route-resource.ts";
import type { RouteAction } from "../topology.ts";

/** A redirect as a route does it. Without a port it goes to the scheme's; the listener's comes in later. */
export function redirectAction({
  scheme,
  hostname,
  port,
  path,
  statusCode,
}: RedirectFilter): RouteAction {
  return {
    kind: "redirect",
    ...(scheme === undefined ? {} : { scheme }),
    ...(hostname === undefined ? {} : { hostname }),
    port: port ?? (scheme === "https" ? 443 : 80),
    ...(path === undefined ? {} : { path }),
    statusCode,
  };
}
