import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";

/** Returns the reason for rejecting a call that changes something; undefined if it is allowed. */
export function refusalOf(
  request: IncomingMessage,
  token: string | undefined,
): { readonly status: number; readonly error: string } | undefined {
  // A page of another origin can make a browser on this machine send calls, which carry their origin.
  if (request.headers.origin !== undefined && !isSameOrigin(request)) {
    return { status: 403, error: "calls from other origins are not allowed" };
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
    error: "without an admin token (--admin-token-file), changes are only allowed from loopback",
  };
}

/**
 * Detects DNS rebinding: a browser on this machine was directed here by another site's name that resolves to loopback.
 * That site could read the answers.
 */
export function isRebound({ socket, headers }: IncomingMessage): boolean {
  const name = hostName(headers.host);
  // An IP address can't be rebound. A proxy on this machine may use any name.
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

/** True for loopback names of this machine, not for other names that resolve to it. */
function isLoopbackHost(host: string | undefined): boolean {
  const name = hostName(host);
  return name === "localhost" || isLoopback(name);
}

/** Removes the port. */
function hostName(host = ""): string {
  return host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}
