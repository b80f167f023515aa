import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { chat, post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { until } from "./harness/until.ts";

interface Rule {
  readonly name: string;
  readonly match: string;
  readonly rewrite: string;
  /** What the client sends. */
  readonly path: string;
}

const path = "/v1/chat/completions";
const prefixMatch = (value: string) => `{type: PathPrefix, value: ${value}}`;
const toPrefix = (value: string) => `{type: ReplacePrefixMatch, replacePrefixMatch: ${value}}`;
const toPath = (value: string) => `{type: ReplaceFullPath, replaceFullPath: ${value}}`;

/** Each is a route of its own, with a mirror of its own. */
const rules: readonly Rule[] = [
  { name: "root", match: prefixMatch("/a/b"), rewrite: toPrefix("/"), path: `/a/b${path}` },
  {
    name: "prefix",
    match: prefixMatch("/openai/"),
    rewrite: toPrefix("/v1"),
    path: "/openai/chat/completions",
  },
  {
    name: "query",
    match: prefixMatch("/q"),
    rewrite: toPrefix("/"),
    path: `/q${path}?api-version=/v2`,
  },
  {
    name: "full",
    match: "{type: Exact, value: /chat}",
    rewrite: toPath(path),
    path: "/chat?trace=1",
  },
  {
    name: "regex",
    match: '{type: RegularExpression, value: "/t/[a-z]+/chat"}',
    rewrite: toPath(path),
    path: "/t/acme/chat",
  },
];

function resources(pools: Readonly<Record<"live" | "shadow", string>>, policy: boolean): string {
  const ref = (name: string) =>
    `{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}`;
  const routes = rules.map(
    ({ name, match, rewrite }) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - matches: [{path: ${match}}]
      backendRefs: [${ref("live")}]
      filters:
        - {type: URLRewrite, urlRewrite: {path: ${rewrite}}}
        - {type: RequestMirror, requestMirror: {backendRef: ${ref("shadow")}}}
${
  policy
    ? `---
apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: ${name}}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${name}}]
  sampling: {percent: 100}
`
    : ""
}`,
  );
  const poolYaml = Object.entries(pools).map(
    ([name, endpoints]) => `---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${endpoints}"}}
spec: {targetPorts: [{number: 8000}], selector: {matchLabels: {app: ${name}}}, endpointPickerRef: {name: umbra, port: {number: 9002}}}
`,
  );
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: 80, protocol: HTTP}]}
${routes.join("")}${poolYaml.join("")}`;
}

describe.each([
  { name: "without a ShadowPolicy", policy: false },
  { name: "with a ShadowPolicy", policy: true },
])("a rule that rewrites paths, $name", ({ policy }) => {
  let live: ModelServer[] = [];
  let shadow: ModelServer[] = [];
  let gateway: Gateway;

  beforeAll(async () => {
    live = await startModelServers(1);
    shadow = await startModelServers(1);
    const pools = { live: String(addresses(live)), shadow: String(addresses(shadow)) };
    gateway = await startGateway({ resources: resources(pools, policy) });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers([...live, ...shadow]);
  });

  test.each(rules)("has its requests mirrored and paired: $name", async ({ path: sentPath }) => {
    const seen = await post(gateway.origin, chat({ isStream: true, maxTokens: 4 }), {
      path: sentPath,
    });
    expect([seen.status, seen.text.includes("[DONE]")]).toEqual([200, true]);
    const requestId = String(seen.headers["x-request-id"]);
    interface Pairs {
      readonly pairs: readonly {
        readonly requestId: string;
        readonly primary: { readonly class: string };
        readonly shadow: { readonly class: string };
      }[];
    }
    const pairOf = async () =>
      (await gateway.json<Pairs>("/v1/pairs")).pairs.find((each) => each.requestId === requestId);
    await until("the pair is there", async () => (await pairOf()) !== undefined);
    const pair = await pairOf();
    expect([pair?.primary.class, pair?.shadow.class]).toEqual(["ok", "ok"]);
  });
});
