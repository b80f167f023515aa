/** A token of RFC 9110, as the Gateway API takes it for names of headers and query parameters. */
export function isHeaderName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}$/.test(name);
}

/**
 * Whether a header, its name in lower case, says where a message ends or belongs to one connection (RFC 9110 7.6.1, RFC
 * 9112 6). A resource that changed one could have a part of a body read as the next request of another client.
 */
export function framesMessages(name: string): boolean {
  // Many servers take `x_a` for `x-a`.
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
