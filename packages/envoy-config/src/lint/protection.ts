import type { UnreadResource } from "../resources/unread-resource.ts";

/** What an object without targets and selectors applies to. */
type Scope = "namespace" | "everything";

/**
 * Kinds that restrict who may send requests or how many, by group, with their scope. Other kinds are classified by
 * their names and fields.
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

/** Kinds that apply to a whole namespace without naming anything. Only their content decides whether they protect. */
const namespaceWide: Readonly<Record<string, string>> = {
  "networking.istio.io": "EnvoyFilter",
  "security.istio.io": "PeerAuthentication",
};

/** Group and kind names come from files and may equal property names that every object has. */
function ownProperty<T>(
  record: Readonly<Record<string, T>> | undefined,
  name: string,
): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Groups whose objects run or roll out models: their fields are about other connections. */
const runningGroups: ReadonlySet<string> = new Set(["argoproj.io", "ray.io", "opentelemetry.io"]);

/** Names of kinds or plugins that suggest protection. */
export const protectiveName: RegExp =
  /auth(?!or)|authoriz|security|rate-?limit|quota|firewall|\bwaf|access-?(?:control|policy)|allow-?list|deny-?list|block-?list|tlspolicy|guard/i;

const protectiveField =
  /auth(?!or)|authoriz|^jwt|rbac|oidc|ratelimit|^api-?key|^basic-?auth|^iap$|securityPolicy|sslPolicy|csrf|quota|^mode: STRICT$|^clientValidation$|^clientCertificate|^mutual-?tls$|allow-?list|deny-?list|block-?list|guard(?:rail)?s?$/i;

const protectiveFilter =
  /\.(?:rbac|jwt_authn|ext_authz|oauth2|basic_auth|api_key_auth|csrf|ratelimit|local_ratelimit|rate_limit_quota|wasm|lua)$/;

/** Returns what makes an object restrict or protect: its kind, or fields or filters. Undefined if nothing is known to. */
export function protectionOf({ group, kind, fields, filters }: UnreadResource): string | undefined {
  // The cluster enforces network policies, regardless of the gateway.
  if (runningGroups.has(group) || /(?:Monitor(?:ing)?|Scrape|NetworkPolicy)$/.test(kind)) return;
  if (ownProperty(ownProperty(protectiveKinds, group), kind) !== undefined) return kind;
  if (ownProperty(namespaceWide, group) !== kind && protectiveName.test(kind)) return kind;
  const found = [
    ...fields.filter((field) => protectiveField.test(field)),
    ...filters.filter((filter) => protectiveFilter.test(filter)),
  ];
  return found.length === 0 ? undefined : [...new Set(found)].slice(0, 3).map(quoted).join(", ");
}

/** Returns what an object without targets and selectors applies to; undefined: nothing. */
export function scopeOf({ group, kind }: UnreadResource): Scope | undefined {
  if (ownProperty(namespaceWide, group) === kind) return "namespace";
  const scope = ownProperty(ownProperty(protectiveKinds, group), kind);
  return scope === "targets alone" ? undefined : scope;
}

function quoted(name: string): string {
  return `\`${name.slice(0, 64)}\``;
}
