import type { UnreadResource } from "../resources/unread-resource.ts";

/**
 * Kinds that restrict who may ask, or how much. `scope`: what one without targets and selectors holds for.
 * Kinds that are not listed are judged by their names and fields.
 */
const protectiveKinds: ReadonlyMap<string, { readonly scope?: "namespace" | "everything" }> =
  new Map([
    ["gateway.envoyproxy.io/SecurityPolicy", {}],
    ["security.istio.io/AuthorizationPolicy", { scope: "namespace" }],
    ["security.istio.io/RequestAuthentication", { scope: "namespace" }],
    ["extensions.istio.io/WasmPlugin", { scope: "namespace" }],
    ["extensions.higress.io/WasmPlugin", { scope: "everything" }],
    ["kuadrant.io/AuthPolicy", {}],
    ["kuadrant.io/RateLimitPolicy", {}],
    ["kuadrant.io/TokenRateLimitPolicy", {}],
    ["kuadrant.io/TLSPolicy", {}],
    ["networking.gke.io/GCPAuthzPolicy", {}],
    ["networking.gke.io/GCPGatewayPolicy", {}],
    ["gateway.networking.k8s.io/XBackendTrafficPolicy", {}],
    ["agentic.prototype.x-k8s.io/XAccessPolicy", {}],
  ]);

/** Kinds that hold for a namespace without naming anything, and that protect only by what is in them. */
const namespaceWide: ReadonlySet<string> = new Set([
  "networking.istio.io/EnvoyFilter",
  "security.istio.io/PeerAuthentication",
]);

/** Groups whose objects run models or roll them out: fields of theirs are about other connections. */
const runningGroups: ReadonlySet<string> = new Set(["argoproj.io", "ray.io", "opentelemetry.io"]);

/** Of a kind, or of a plugin. */
export const protectiveName: RegExp =
  /auth(?!or)|authoriz|security|rate-?limit|quota|firewall|\bwaf|access-?(?:control|policy)|allow-?list|deny-?list|block-?list|tlspolicy|guard/i;

const protectiveField =
  /auth(?!or)|authoriz|^jwt|rbac|oidc|ratelimit|^api-?key|^basic-?auth|^iap$|securityPolicy|sslPolicy|csrf|quota|^mode: STRICT$|^clientValidation$|^clientCertificate|^mutual-?tls$|allow-?list|deny-?list|block-?list|guard(?:rail)?s?$/i;

const protectiveFilter =
  /\.(?:rbac|jwt_authn|ext_authz|oauth2|basic_auth|api_key_auth|csrf|ratelimit|local_ratelimit|rate_limit_quota|wasm|lua)$/;

/** What of an object restricts or protects: its kind, or names of fields or filters. Undefined: nothing is known to. */
export function protectionOf({ group, kind, fields, filters }: UnreadResource): string | undefined {
  const key = `${group}/${kind}`;
  // The cluster enforces network policies, whoever serves.
  if (runningGroups.has(group) || /(?:Monitor(?:ing)?|Scrape|NetworkPolicy)$/.test(kind)) return;
  if (protectiveKinds.has(key)) return kind;
  if (!namespaceWide.has(key) && protectiveName.test(kind)) return kind;
  const found = [
    ...fields.filter((field) => protectiveField.test(field)),
    ...filters.filter((filter) => protectiveFilter.test(filter)),
  ];
  return found.length === 0 ? undefined : [...new Set(found)].slice(0, 3).map(quoted).join(", ");
}

/** What an object without targets and selectors holds for; undefined: for nothing. */
export function scopeOf({ group, kind }: UnreadResource): "namespace" | "everything" | undefined {
  const key = `${group}/${kind}`;
  return namespaceWide.has(key) ? "namespace" : protectiveKinds.get(key)?.scope;
}

function quoted(name: string): string {
  return `\`${name.slice(0, 64)}\``;
}
