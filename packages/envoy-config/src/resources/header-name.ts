/** True for an RFC 9110 token, which the Gateway API requires for names of headers and query parameters. */
export function isHeaderName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}$/.test(name);
}

/**
 * True if a header (lower case) frames messages or belongs to a connection (RFC 9110 7.6.1, RFC 9112 6). Changing one
 * could make part of a body look like another client's request.
 */
export function framesMessages(name: string): boolean {
  // Many servers treat `x_a` as `x-a`.
  return framing.has(name.replaceAll("_", "-"));
}

const framing: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
