import { describe, expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";
import fc from "fast-check";

const served = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ns}
spec: {gatewayClassName: shared, listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: ns, labels: {tier: chat}}
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llm}]
    - matches: [{path: {type: PathPrefix, value: /other}}]
      backendRefs: [{name: svc, port: 80}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llm, namespace: ns, annotations: {umbra.dev/endpoints: "10.1.2.3:8000"}}
spec: {selector: {matchLabels: {app: vllm}}, targetPorts: [{number: 8000}]}
---
apiVersion: v1
kind: Service
metadata: {name: svc, namespace: ns, annotations: {umbra.dev/endpoints: "10.1.2.4:8000"}}
spec: {selector: {app: svc}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: unused, namespace: ns}
spec: {selector: {app: unused}, ports: [{port: 80}]}
`;

function findings(group: string, kind: string, spec: unknown, more: object = {}) {
  const object = {
    apiVersion: group === "" ? "v1" : `${group}/v1`,
    kind,
    metadata: { name: "it", namespace: "ns", ...more },
    spec,
  };
  const { diagnostics } = readTopology([
    { name: "served.yaml", text: served },
    { name: "object.json", text: JSON.stringify(object) },
  ]);
  return diagnostics.filter(({ file }) => file === "object.json");
}

const route = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "r" };
const gateway = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "gw" };
const pool = { group: "inference.networking.k8s.io", kind: "InferencePool", name: "llm" };
const service = { group: "", kind: "Service", name: "svc" };
/** An EnvoyFilter whose filter has a custom name. */
const filter = (type: string) => ({
  configPatches: [
    {
      patch: {
        value: {
          name: "own",
          typed_config: { "@type": `type.googleapis.com/envoy.extensions.filters.http.${type}` },
        },
      },
    },
  ],
});
const gatewayPods = { "gateway.networking.k8s.io/gateway-name": "gw" };

describe("an object that restricts or protects served resources is an error", () => {
  test.each([
    ["gateway.envoyproxy.io", "SecurityPolicy", { targetRefs: [route], apiKeyAuth: {} }],
    ["gateway.envoyproxy.io", "SecurityPolicy", { targetRef: gateway, jwt: {} }],
    [
      "gateway.envoyproxy.io",
      "SecurityPolicy",
      { targetSelectors: [{ kind: "HTTPRoute", matchLabels: { tier: "chat" } }], cors: {} },
    ],
    ["gateway.envoyproxy.io", "BackendTrafficPolicy", { targetRefs: [route], rateLimit: {} }],
    [
      "gateway.envoyproxy.io",
      "ClientTrafficPolicy",
      { targetRefs: [{ ...gateway, sectionName: "http" }], tls: { clientValidation: {} } },
    ],
    [
      "gateway.envoyproxy.io",
      "EnvoyPatchPolicy",
      {
        targetRef: { ...gateway, kind: "GatewayClass", name: "shared" },
        jsonPatches: [{ operation: { value: { name: "envoy.filters.http.ext_authz" } } }],
      },
    ],
    ["security.istio.io", "AuthorizationPolicy", { targetRefs: [gateway], action: "DENY" }],
    ["security.istio.io", "AuthorizationPolicy", { selector: { matchLabels: gatewayPods } }],
    ["security.istio.io", "AuthorizationPolicy", { action: "DENY" }],
    ["security.istio.io", "RequestAuthentication", { selector: { matchLabels: { app: "vllm" } } }],
    ["security.istio.io", "PeerAuthentication", { mtls: { mode: "STRICT" } }],
    ["extensions.istio.io", "WasmPlugin", { targetRefs: [gateway], url: "oci://x" }],
    ["extensions.higress.io", "WasmPlugin", { defaultConfig: {}, url: "oci://x" }],
    [
      "networking.istio.io",
      "EnvoyFilter",
      {
        workloadSelector: { labels: gatewayPods },
        configPatches: [{ patch: { value: { name: "envoy.filters.http.jwt_authn" } } }],
      },
    ],
    ["kuadrant.io", "AuthPolicy", { targetRef: route }],
    ["kuadrant.io", "RateLimitPolicy", { targetRef: gateway }],
    ["kuadrant.io", "TokenRateLimitPolicy", { targetRef: route }],
    ["kuadrant.io", "TLSPolicy", { targetRef: gateway }],
    ["networking.gke.io", "GCPBackendPolicy", { targetRef: service, default: { iap: {} } }],
    [
      "networking.gke.io",
      "GCPBackendPolicy",
      { targetRef: pool, default: { securityPolicy: "x" } },
    ],
    ["networking.gke.io", "GCPGatewayPolicy", { targetRef: gateway, default: { sslPolicy: "x" } }],
    ["gateway.kgateway.dev", "TrafficPolicy", { targetRefs: [route], rateLimit: {} }],
    ["gateway.kgateway.dev", "TrafficPolicy", { targetRefs: [route], extAuth: {} }],
    [
      "agentgateway.dev",
      "AgentgatewayPolicy",
      { targetRefs: [gateway], traffic: { jwtAuthentication: {} } },
    ],
    [
      "agentgateway.dev",
      "AgentgatewayPolicy",
      { targetRefs: [gateway], backend: { ai: { promptGuard: {} } } },
    ],
    ["aigateway.envoyproxy.io", "QuotaPolicy", { targetRefs: [pool] }],
    ["example.com", "PromptFirewall", { targetRef: route }],
    ["example.com", "PromptGuard", { targetRef: route }],
    ["agentic.example.com", "XAccessPolicy", { targetRefs: [service] }],
    ["security.istio.io", "PeerAuthentication", { portLevelMtls: { 80: { mode: "STRICT" } } }],
    ...["ext_authz.v3.ExtAuthz", "jwt_authn.v3.JwtAuthentication", "rbac.v3.RBAC"].map(
      (type): [string, string, object] => ["networking.istio.io", "EnvoyFilter", filter(type)],
    ),
    ...["ratelimit.v3.RateLimit", "local_ratelimit.v3.LocalRateLimit"].map(
      (type): [string, string, object] => ["networking.istio.io", "EnvoyFilter", filter(type)],
    ),
  ])("%s %s %j", (group, kind, spec) => {
    expect(findings(group, kind, spec)).toMatchObject([
      {
        severity: "error",
        code: "UMB0250",
        remedy: expect.stringContaining("umbra.dev/enforced-elsewhere") as unknown,
      },
    ]);
  });
});

describe("any other object that affects served resources is a warning", () => {
  test.each([
    ["gateway.envoyproxy.io", "BackendTrafficPolicy", { targetRefs: [route], retry: {} }],
    ["gateway.envoyproxy.io", "EnvoyExtensionPolicy", { targetRefs: [route], extProc: [] }],
    ["networking.istio.io", "EnvoyFilter", { workloadSelector: { labels: gatewayPods } }],
    ["networking.gke.io", "HealthCheckPolicy", { targetRef: pool }],
    ["gateway.kgateway.dev", "BackendConfigPolicy", { targetRefs: [service], tls: {} }],
    ["networking.istio.io", "DestinationRule", { host: "svc", trafficPolicy: { tls: {} } }],
    [
      "networking.istio.io",
      "DestinationRule",
      { host: "svc.ns.svc.cluster.local", trafficPolicy: { tls: {} } },
    ],
    [
      "gateway.envoyproxy.io",
      "ClientTrafficPolicy",
      { targetRefs: [gateway], connection: { connectionLimit: { value: 5 } } },
    ],
    ["networking.k8s.io", "NetworkPolicy", { podSelector: { matchLabels: { app: "vllm" } } }],
    ["networking.k8s.io", "NetworkPolicy", { podSelector: {} }],
    [
      "cilium.io",
      "CiliumNetworkPolicy",
      { endpointSelector: { matchExpressions: [{ key: "app", operator: "In", values: ["svc"] }] } },
    ],
    ["aigateway.envoyproxy.io", "AIGatewayRoute", { parentRefs: [{ name: "gw" }], rules: [] }],
    [
      "aigateway.envoyproxy.io",
      "AIGatewayRoute",
      { parentRefs: [{ name: "another" }], rules: [{ backendRefs: [pool] }] },
    ],
    ["example.com", "InferenceRoute", { parentRefs: [{ name: "gw" }] }],
    ["gateway.networking.k8s.io", "XListenerSet", { parentRef: { name: "gw" } }],
    [
      "networking.k8s.io",
      "Ingress",
      { rules: [{ http: { paths: [{ backend: { service: { name: "svc", port: {} } } }] } }] },
    ],
    [
      "networking.istio.io",
      "VirtualService",
      { hosts: ["a.example.com"], http: [{ route: [{ destination: { host: "svc.ns" } }] }] },
    ],
    ["example.com", "Anything", { targetRef: { kind: "Namespace", name: "ns" } }],
    [
      "networking.k8s.io",
      "Ingress",
      {
        tls: [{ secretName: "s" }],
        rules: [{ http: { paths: [{ backend: { service: { name: "svc" } } }] } }],
      },
    ],
    ["example.com", "AnyRoute", { parentRefs: [gateway], tls: {} }],
    ["security.istio.io", "PeerAuthentication", { mtls: { mode: "PERMISSIVE" } }],
    ["security.istio.io", "PeerAuthentication", { mtls: { mode: "DISABLE" } }],
    [
      "cilium.io",
      "CiliumNetworkPolicy",
      { endpointSelector: {}, authentication: { mode: "required" } },
    ],
    ["cilium.io", "CiliumClusterwideNetworkPolicy", { endpointSelector: {} }],
    ["ray.io", "RayService", { selector: { matchLabels: { app: "vllm" } }, authOptions: {} }],
    [
      "gateway.envoyproxy.io",
      "ClientTrafficPolicy",
      { targetRefs: [gateway], tls: { minVersion: "1.2" } },
    ],
    ["projectcalico.org", "NetworkPolicy", { selector: "app == 'vllm'" }],
    ["projectcalico.org", "NetworkPolicy", { selector: "app in {'svc', 'x'} && has(app)" }],
    ["projectcalico.org", "GlobalNetworkPolicy", { selector: "all()" }],
    [
      "networking.istio.io",
      "VirtualService",
      { gateways: ["mesh", "gw"], hosts: ["x.example.com"] },
    ],
    ["networking.istio.io", "VirtualService", { gateways: ["ns/gw"], hosts: ["x.example.com"] }],
    [
      "serving.kserve.io",
      "LLMInferenceService",
      { router: { gateway: { refs: [{ name: "gw" }] } } },
    ],
    [
      "serving.kserve.io",
      "LLMInferenceService",
      { router: { route: { http: { refs: [{ name: "r" }] } } } },
    ],
    [
      "serving.kserve.io",
      "LLMInferenceService",
      { router: { scheduler: { pool: { ref: { name: "llm" } } } } },
    ],
  ])("%s %s %j", (group, kind, spec) => {
    expect(findings(group, kind, spec)).toMatchObject([{ severity: "warning", code: "UMB0251" }]);
  });
});

describe("an object that does not affect served resources is an info", () => {
  test.each([
    ["another name", "SecurityPolicy", { targetRefs: [{ ...route, name: "other" }] }],
    ["another namespace", "SecurityPolicy", { targetRefs: [{ ...route, namespace: "other" }] }],
    ["another group", "SecurityPolicy", { targetRefs: [{ ...gateway, group: "example.com" }] }],
    ["another kind", "SecurityPolicy", { targetRefs: [{ ...route, kind: "GRPCRoute" }] }],
    [
      "a Service that no route uses",
      "SecurityPolicy",
      { targetRefs: [{ ...service, name: "unused" }] },
    ],
    ["contradicting labels", "SecurityPolicy", { selector: { matchLabels: { app: "other" } } }],
    ["unknown labels", "SecurityPolicy", { selector: { matchLabels: { x: "y" } } }],
    ["a selector of namespaces", "SecurityPolicy", { namespaceSelector: {} }],
  ])("%s", (_name, kind, spec) => {
    expect(findings("gateway.envoyproxy.io", kind, spec)).toMatchObject([{ severity: "info" }]);
  });

  test.each([
    ["policy", "PodDisruptionBudget"],
    ["monitoring.coreos.com", "PodMonitor"],
    ["apps", "StatefulSet"],
  ])("a %s %s, which runs or watches Pods", (group, kind) => {
    const selector = { matchLabels: { app: "vllm" } };
    expect(findings(group, kind, { selector })).toMatchObject([{ severity: "info" }]);
  });
});

describe("an object that selects no Pods or protects nothing is not an error", () => {
  const labels = { matchLabels: { app: "vllm" } };
  test.each([
    ["opentelemetry.io", "OpenTelemetryCollector", { targetAllocator: { podMonitorSelector: {} } }],
    ["grafana.integreatly.org", "GrafanaDatasource", { instanceSelector: {}, basicAuth: true }],
    ["grafana.integreatly.org", "GrafanaDashboard", { instanceSelector: labels }],
    [
      "cert-manager.io",
      "Issuer",
      { acme: { solvers: [{ selector: {}, http01: { auth: {} } }, { selector: labels }] } },
    ],
    ["external-secrets.io", "PushSecret", { selector: { secret: { name: "s" } }, auth: {} }],
    ["", "PersistentVolumeClaim", { selector: labels }],
    ["argoproj.io", "Rollout", { selector: labels, strategy: { auth: {} } }],
    ["operator.victoriametrics.com", "VMServiceScrape", { selector: labels, basicAuth: {} }],
    ["example.com", "SomePodMonitor", { selector: labels, authorization: {} }],
    ["example.com", "Quota", { selector: {} }],
    ["example.com", "Quota", { selector: { matchLabels: {} } }],
    ["example.com", "Quota", { selector: { app: { of: "vllm" } } }],
    [
      "networking.k8s.io",
      "NetworkPolicy",
      { podSelector: { matchLabels: { app: "db" } }, ingress: [{ from: [{ podSelector: {} }] }] },
    ],
    ["projectcalico.org", "NetworkPolicy", { selector: "app == 'db'" }],
    [
      "projectcalico.org",
      "NetworkPolicy",
      { selector: "app not in {'vllm','svc'} && !has(istio.io/gateway-name)" },
    ],
    ["networking.istio.io", "VirtualService", { gateways: ["other/gw"], hosts: ["x.example.com"] }],
  ])("%s %s %j", (group, kind, spec) => {
    expect(findings(group, kind, spec)).toMatchObject([{ severity: "info" }]);
  });
});

test.each([
  ["security.istio.io", "AuthorizationPolicy", { selector: { matchLabels: gatewayPods } }],
  ["security.istio.io", "AuthorizationPolicy", { action: "DENY" }],
  [
    "networking.istio.io",
    "EnvoyFilter",
    { workloadSelector: { labels: gatewayPods }, ...filter("rbac.v3.RBAC") },
  ],
])("in Istio's root namespace %s %s %j is an error", (group, kind, spec) => {
  const found = findings(group, kind, spec, { namespace: "istio-system" });
  expect(found).toMatchObject([{ severity: "error", code: "UMB0250" }]);
});

describe("a misspelled kind is reported first", () => {
  test.each([
    ["HTTPRouted", { parentRefs: [gateway], rules: [] }, "UMB0107", "warning", "HTTPRoute"],
    ["HTTProute", { parentRefs: [gateway], rules: [] }, "UMB0107", "warning", "HTTPRoute"],
    [
      "BackendTlsPolicy",
      { targetRefs: [service], validation: {} },
      "UMB0250",
      "error",
      "BackendTLSPolicy",
    ],
  ])("%s", (kind, spec, code, severity, meant) => {
    const found = findings("gateway.networking.k8s.io", kind, spec);
    expect(found).toMatchObject([{ severity, code }]);
    const [, said] = /^did you mean `(\w+)`\?/.exec(found[0]?.remedy ?? "") ?? [];
    expect(said).toBe(meant);
  });
});

describe("Kong plugins from an annotation", () => {
  const of = (name: string, plugins: string, more: object = {}) => {
    const text = served.replace(
      new RegExp(`(metadata: \\{name: ${name}, namespace: ns)(?:, annotations: \\{([^}]*)\\})?`),
      (_all, start: string, own?: string) =>
        `${start}, annotations: {${own === undefined ? "" : `${own}, `}${Object.entries({
          "konghq.com/plugins": plugins,
          ...more,
        })
          .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
          .join(", ")}}`,
    );
    expect(text).not.toBe(served);
    const { diagnostics } = readTopology([{ name: "served.yaml", text }]);
    return diagnostics.filter(({ message }) => /Kong|is not known/.test(message));
  };

  test.each([
    ["r", "cache", "UMB0251", "warning"],
    ["gw", "cache", "UMB0251", "warning"],
    ["svc", "cache", "UMB0251", "warning"],
    ["r", "key-auth, cache", "UMB0250", "error"],
    ["r", "my-rate-limiting", "UMB0250", "error"],
    ["r", "jwt", "UMB0250", "error"],
    ["r", "cache,acl", "UMB0250", "error"],
    ["r", "ip-restriction", "UMB0250", "error"],
    ["r", "team-openid-connect", "UMB0250", "error"],
    ["r", "opa", "UMB0250", "error"],
    ["r", "ai-request-transformer", "UMB0251", "warning"],
    ["r", "correlation-id", "UMB0251", "warning"],
    ["r", "oracle-opacity", "UMB0251", "warning"],
  ])("of %s: %s", (name, plugins, code, severity) => {
    expect(of(name, plugins)).toMatchObject([{ code, severity }]);
  });

  test("are an info if enforced elsewhere, and not reported if no route uses the Service", () => {
    const elsewhere = { "umbra.dev/enforced-elsewhere": "true" };
    expect(of("r", "key-auth", elsewhere)).toMatchObject([{ severity: "info" }]);
    expect(of("unused", "key-auth")).toEqual([]);
  });
});

test.each([
  ["true", "info"],
  ["false", "error"],
  ["yes", "error"],
])("with umbra.dev/enforced-elsewhere: %j it is %s", (value, severity) => {
  const annotations = { "umbra.dev/enforced-elsewhere": value };
  expect(
    findings("kuadrant.io", "AuthPolicy", { targetRef: route }, { annotations }),
  ).toMatchObject([{ severity, code: "UMB0250" }]);
});

test("every kind that targets a served resource is reported, whatever its content", () => {
  const word = fc.stringMatching(/^[A-Za-z]{1,16}$/);
  const targets = [route, gateway, pool, service].map((each) => fc.constant(each));
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z]{1,10}\.example\.com$/),
      fc.stringMatching(/^[A-Z][a-zA-Z]{0,20}$/),
      fc.oneof(...targets),
      fc.constantFrom("targetRef", "targetRefs"),
      fc.option(fc.constant("http"), { nil: undefined }),
      fc.dictionary(word, fc.jsonValue({ maxDepth: 2 })),
      (group, kind, target, key, sectionName, others) => {
        const ref = { ...target, ...(sectionName === undefined ? {} : { sectionName }) };
        const spec = { ...others, [key]: key === "targetRef" ? ref : [ref] };
        const found = findings(group, kind, spec);
        // Random keys and kinds may have their own findings, such as a key `__proto__`.
        const loud = found.filter(({ severity }) => severity !== "info").map(({ code }) => code);
        expect(loud).toContainEqual(expect.stringMatching(/^UMB0(?:25[01]|107)$/));
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
});
