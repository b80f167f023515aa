import type { RouteAction, RouteMatch, VirtualHost } from "../topology.ts";
import type { EnvoyObject } from "./envoy-object.ts";
import { prefixRewrite } from "./path-rewrite.ts";

/** The listener that received the redirected request. */
export interface Entrance {
  readonly scheme: "http" | "https";
  /** The listener's port. */
  readonly port: number;
  readonly domains: VirtualHost["domains"];
}

type Redirect = Extract<RouteAction, { kind: "redirect" }>;

export function redirect(to: Redirect, match: RouteMatch, entrance: Entrance): EnvoyObject {
  const { scheme, path, statusCode } = to;
  return {
    ...(scheme === undefined ? {} : { scheme_redirect: scheme }),
    ...authority(to, entrance),
    ...(path === undefined ? {} : pathOf(path, match)),
    response_code: responseCodes.get(statusCode) ?? "FOUND",
  };
}

const wellKnownPorts = { http: 80, https: 443 } as const;

/**
 * Includes the port only if it is not the scheme's default. By default, Envoy keeps the port of the Host header. So
 * this writes out a known host; without one, it replaces the port from the header.
 */
function authority({ scheme, hostname, port }: Redirect, entrance: Entrance): EnvoyObject {
  const known = hostname ?? entrance.domains.find((domain) => !domain.startsWith("*"));
  const host = known === undefined ? {} : { host_redirect: known };
  const isOwn =
    port === wellKnownPorts[scheme === "https" ? "https" : ((scheme ?? entrance.scheme) as "http")];
  const hasHeaderPort = entrance.port !== wellKnownPorts[entrance.scheme];
  const isLeftOut = isOwn && (known !== undefined || !hasHeaderPort);
  return { ...host, ...(isLeftOut ? {} : { port_redirect: port }) };
}

function pathOf(path: NonNullable<Redirect["path"]>, match: RouteMatch): EnvoyObject {
  return path.kind === "replaceFullPath"
    ? { path_redirect: path.value }
    : prefixRewrite(match.path.value, path.value);
}

const responseCodes: ReadonlyMap<number, string> = new Map([
  [301, "MOVED_PERMANENTLY"],
  [302, "FOUND"],
  [303, "SEE_OTHER"],
  [307, "TEMPORARY_REDIRECT"],
  [308, "PERMANENT_REDIRECT"],
]);
