import type { CorsPolicy } from "../topology.ts";
import { builtIn, type EnvoyObject, typed } from "./envoy-object.ts";

export const corsFilterName = "envoy.filters.http.cors";

/** Answers preflights of routes that have a policy, and lets browsers read their answers. */
export const corsFilter: EnvoyObject = builtIn("filters.http.cors", "Cors");

/** The filter's settings for one route. */
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
    // `*` is answered with what the browser asks for, so that it holds with credentials too.
    ...listed("allow_methods", methods),
    ...listed("allow_headers", headers),
    ...listed("expose_headers", exposedHeaders),
    max_age: String(maxAgeS),
    allow_credentials: allowsCredentials,
    // Preflights are the gateway's: no model server knows what to do with them.
    forward_not_matching_preflights: false,
  });
}

function originMatch(origin: string): EnvoyObject {
  if (!origin.includes("*")) return { exact: origin };
  if (origin === "*") return { safe_regex: { regex: ".*" } };
  const regex = origin.replace(/[.+]/g, "\\$&").replace("*", "[^/]+");
  return { safe_regex: { regex } };
}
