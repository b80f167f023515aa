import { isIP } from "node:net";
import type { EnvoyObject } from "./envoy-object.ts";

/** Splits `host:port`, with an IPv6 address in brackets. */
export function splitHostPort(text: string): { readonly host: string; readonly port: number } {
  const at = text.lastIndexOf(":");
  const host = text.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  const port = Number(text.slice(at + 1));
  if (at < 1 || host === "" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`"${text}" is not in the form host:port`);
  }
  return { host, port };
}

/** Converts `host:port` or `unix:/path` to an Envoy address. */
export function envoyAddress(text: string): EnvoyObject {
  if (text.startsWith("unix:")) return { pipe: { path: text.slice("unix:".length) } };
  const { host, port } = splitHostPort(text);
  return { socket_address: { address: host, port_value: port } };
}

/** Returns Envoy's discovery type for a cluster at `host:port` or `unix:/path`. */
export function discoveryType(text: string): "STATIC" | "STRICT_DNS" {
  if (text.startsWith("unix:")) return "STATIC";
  return isIP(splitHostPort(text).host) === 0 ? "STRICT_DNS" : "STATIC";
}
