/** A token of RFC 9110, as the Gateway API takes it for names of headers and query parameters. */
export function isHeaderName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}$/.test(name);
}
