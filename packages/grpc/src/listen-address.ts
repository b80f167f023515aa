import type { AddressInfo } from "node:net";

export type ListenAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Parses `host:port`, `[ipv6]:port` or `unix:/path`. Throws for any other text. */
export function listenAddress(text: string): ListenAddress {
  const [, path] = /^unix:(?:\/\/)?(\/.+)$/.exec(text) ?? [];
  if (path !== undefined) return { kind: "unix", path };
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) {
    throw new Error(`"${text}" is not an address to listen on: use host:port or unix:/path`);
  }
  return { kind: "tcp", host, port: Number(port) };
}

/** The address with the port that was bound. */
export function boundAddress(text: string, bound: AddressInfo | string | null): string {
  return typeof bound === "object" && bound !== null
    ? text.replace(/:\d+$/, `:${bound.port}`)
    : text;
}
