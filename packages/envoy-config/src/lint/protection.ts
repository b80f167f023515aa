import type { UnreadResource } from "../resources/resources.ts";

/** What an object without targets and selectors holds for. */
type Scope = "namespace" | "everything";

/**
 * Kinds that restrict who may ask, or how much, by group; with the scope of those that have one.
 * Kinds that are not listed are judged by their names and fields.
 */
const protectiveKinds: Readonly<Record<string, Readonly<Record<string, Scope | "targets alone">>>> =
  {
    "gateway.envoyproxy.io": { SecurityPolicy: "targets alone" },
    "security.istio.io": { AuthorizationPolicy: "namespace", RequestAuthentication: "namespace" },
    "extensions.istio.io": { WasmPlugin: "namespace" },
    "extensions.higress.io": { WasmPlugin: "everything" },
    "kuadrant.io": {
      AuthPolicy: "targets alone",
      RateLimitPolicy: "targets alone",
      TokenRateLimitPolicy: "targets alone",
      TLSPolicy: "targets alone",
    },
    "networking.gke.io": { GCPAuthzPolicy: "targets alone", GCPGatewayPolicy: "targets alone" },
    "gateway.networking.k8s.io": { XBackendTrafficPolicy: "targets alone" },
    "agentic.prototype.x-k8s.io": { XAccessPolicy: "targets alone" },
  };

/** Kinds that hold for a namespace without naming anything, and that protect only by what is in them. */
const namespaceWide: Readonly<Record<string, string>> = {
  "networking.istio.io": "EnvoyFilter",
  "security.istio.io": "PeerAuthentication",
};

/** Names of groups and kinds come from files, and may be those of fields that every object has. */
function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

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
  // The cluster enforces network policies, whoever serves.
  if (runningGroups.has(group) || /(?:Monitor(?:ing)?|Scrape|NetworkPolicy)$/.test(kind)) return;
  if (own(own(protectiveKinds, group), kind) !== undefined) return kind;
  if (own(namespaceWide, group) !== kind && protectiveName.test(kind)) return kind;
  const found = [
    ...fields.filter((field) => protectiveField.test(field)),
    ...filters.filter((filter) => protectiveFilter.test(filter)),
  ];
  return found.length === 0 ? undefined : [...new Set(found)].slice(0, 3).map(quoted).join(", ");
}

/** What an object without targets and selectors holds for; undefined: for nothing. */
export function scopeOf({ group, kind }: UnreadResource): Scope | undefined {
  if (own(namespaceWide, group) === kind) return "namespace";
  const scope = own(own(protectiveKinds, group), kind);
  return scope === "targets alone" ? undefined : scope;
}

function quoted(name: string): string {
  return `\`${name.slice(0, 64)}\``;
}
