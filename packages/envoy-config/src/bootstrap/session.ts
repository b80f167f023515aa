import type { Session } from "../topology.ts";
import { duration, type EnvoyObject, extension, typed } from "./envoy-object.ts";

export const sessionFilterName = "umbra.session";

const stateful = "envoy.extensions.filters.http.stateful_session.v3";

/** Keeps no sessions until a route says how. */
export const sessionFilter: EnvoyObject = extension(
  sessionFilterName,
  `${stateful}.StatefulSession`,
);

/** The filter's settings for one route: what names the endpoint, and comes back with the session's next request. */
export function sessionSettings(session: Session): EnvoyObject {
  return typed(`${stateful}.StatefulSessionPerRoute`, {
    stateful_session: {
      session_state: session.kind === "cookie" ? cookie(session) : header(session),
    },
  });
}

function cookie({ name, ttlMs }: Session): EnvoyObject {
  return extension(
    "envoy.http.stateful_session.cookie",
    "envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
    { cookie: { name, path: "/", ...(ttlMs === undefined ? {} : { ttl: duration(ttlMs) }) } },
  );
}

function header({ name }: Session): EnvoyObject {
  return extension(
    "envoy.http.stateful_session.header",
    "envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
    { name },
  );
}
