import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";

/** Why a changing call is refused; undefined when it may go on. */
export function refusalOf(
  request: IncomingMessage,
  token: string | undefined,
): { readonly status: number; readonly error: string } | undefined {
  // A page of another origin can make a browser on this machine call: such calls say where they come from.
  if (request.headers.origin !== undefined && !isSameOrigin(request)) {
    return { status: 403, error: "calls from other origins are not taken" };
  }
  if (token !== undefined) {
    return hasToken(request, token)
      ? undefined
      : { status: 401, error: "this call needs the header `Authorization: Bearer <admin token>`" };
  }
  if (isLoopback(request.socket.remoteAddress ?? "") && isLoopbackHost(request.headers.host)) {
    return undefined;
  }
  return {
    status: 403,
    error: "without an admin token (--admin-token-file), changes are taken from loopback only",
  };
}

/**
 * Whether a browser on this machine was brought here by a name of somebody else's, which was pointed at loopback: its page
 * could read what is answered.
 */
export function isRebound({ socket, headers }: IncomingMessage): boolean {
  const name = hostName(headers.host);
  // An address can't be pointed elsewhere; a proxy on this machine may ask for any.
  const isOwn = name === "" || isIP(name) > 0 || name === "localhost" || name === hostname();
  return !isOwn && isLoopback(socket.remoteAddress ?? "");
}

function isSameOrigin({ headers }: IncomingMessage): boolean {
  return headers.origin === `http://${headers.host}`;
}

function hasToken({ headers }: IncomingMessage, token: string): boolean {
  const given = Buffer.from(headers.authorization ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/, "");
  return plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}

/** A name that was pointed at this machine from elsewhere is none of its own. */
function isLoopbackHost(host: string | undefined): boolean {
  const name = hostName(host);
  return name === "localhost" || isLoopback(name);
}

/** Without the port. */
function hostName(host = ""): string {
  return host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}
