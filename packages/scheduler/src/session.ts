export interface SessionKeyOptions {
  /**
   * Headers that name the session, in lower case; the first one present is used. Those that common agents send when
   * absent.
   */
  readonly headers?: readonly string[];
  /** Cookie that names the session; none when absent. */
  readonly cookie?: string;
}

/** Session headers that common clients send. */
const knownHeaders = ["x-session-id", "x-session-token", "session-id", "session_id"] as const;
const maxLength = 256;

/**
 * Returns the request's session from a header or a cookie; undefined if there is none. Names longer than 256 characters
 * are ignored, because clients choose them.
 */
export function sessionKey(
  header: (name: string) => string | null | undefined,
  { headers = knownHeaders, cookie }: SessionKeyOptions = {},
): string | undefined {
  for (const name of headers) {
    const value = header(name);
    if (isName(value)) return value;
  }
  if (cookie === undefined) return undefined;
  for (const pair of (header("cookie") ?? "").split(";", 64)) {
    const equals = pair.indexOf("=");
    if (equals < 0 || pair.slice(0, equals).trim() !== cookie) continue;
    const value = pair.slice(equals + 1).trim();
    return isName(value) ? value : undefined;
  }
  return undefined;
}

function isName(value: string | null | undefined): value is string {
  return value !== null && value !== undefined && value !== "" && value.length <= maxLength;
}
