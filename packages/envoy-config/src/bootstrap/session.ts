import type { Session } from "../topology.ts";
import { builtIn, duration, type EnvoyObject, extension, typed } from "./envoy-object.ts";

export const sessionFilterName = "umbra.session";

const stateful = "envoy.extensions.filters.http.stateful_session.v3";

/** Adds the session filter, which does nothing until a route configures it. */
export const sessionFilter: EnvoyObject = extension(
  sessionFilterName,
  `${stateful}.StatefulSession`,
);

/** The filter's per-route settings: the cookie or header that carries the endpoint. */
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
