import type { CorsPolicy } from "../topology.ts";
import { builtIn, type EnvoyObject, typed } from "./envoy-object.ts";

export const corsFilterName = "envoy.filters.http.cors";

/** Answers preflight requests of routes with a policy, and lets browsers read their answers. */
export const corsFilter: EnvoyObject = builtIn("filters.http.cors", "Cors");

/** The filter's per-route settings. */
export function corsPolicy({
  origins,
  methods,
  headers,
  exposedHeaders,
  allowsCredentials,
  maxAgeS,
}: CorsPolicy): EnvoyObject {
  const listed = (name: string, values: readonly string[]): EnvoyObject =>
    values.length === 0 ? {} : { [name]: values.join(", ") };
  return typed("envoy.extensions.filters.http.cors.v3.CorsPolicy", {
    allow_origin_string_match: origins.map(originMatch),
    // `*` is answered with the requested names, so that it also works with credentials.
    ...listed("allow_methods", methods),
    ...listed("allow_headers", headers),
    ...listed("expose_headers", exposedHeaders),
    max_age: String(maxAgeS),
    allow_credentials: allowsCredentials,
    // The gateway answers preflights: model servers can't.
    forward_not_matching_preflights: false,
  });
}

function originMatch(origin: string): EnvoyObject {
  if (!origin.includes("*")) return { exact: origin };
  if (origin === "*") return { safe_regex: { regex: ".*" } };
  const regex = origin.replace(/[.+]/g, "\\$&").replace("*", "[^/]+");
  return { safe_regex: { regex } };
}
