import type { Session } from "../topology.ts";
import { builtIn, duration, type EnvoyObject, extension, typed } from "./envoy-object.ts";

export const sessionFilterName = "umbra.session";

const stateful = "envoy.extensions.filters.http.stateful_session.v3";

/** Keeps no sessions until a route says how. */
export const sessionFilter: EnvoyObject = extension(
  sessionFilterName,
  `${stateful}.StatefulSession`,
);

/** The filter's settings for one route: what names the endpoint, and comes back with the session's next request. */
export function sessionSettings({ kind, name, ttlMs }: Session): EnvoyObject {
  const ttl = ttlMs === undefined ? {} : { ttl: duration(ttlMs) };
  const state =
    kind === "cookie"
      ? builtIn("http.stateful_session.cookie", "CookieBasedSessionState", {
          cookie: { name, path: "/", ...ttl },
        })
      : builtIn("http.stateful_session.header", "HeaderBasedSessionState", { name });
  return typed(`${stateful}.StatefulSessionPerRoute`, {
    stateful_session: { session_state: state },
  });
}
