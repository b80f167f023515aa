import { expect, test } from "@jest/globals";
import { conditionText, readTopology } from "@umbra/envoy-config";

const resources = (spec: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  listeners:
    - {name: http, port: 8080, protocol: HTTP, hostname: "*.example.com"}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: closed}
spec:
  listeners: [{name: http, port: 8081, protocol: HTTP, allowedRoutes: {namespaces: {from: None}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec: ${spec}
---
apiVersion: v1
kind: Service
metadata: {name: llama}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: llama, namespace: other}
spec: {ports: [{port: 80}]}
`;

const refs = (backendRef: string) =>
  `{parentRefs: [{name: gateway}], rules: [{backendRefs: [${backendRef}]}]}`;
const mirror = (backendRef: string) =>
  `{parentRefs: [{name: gateway}], rules: [{backendRefs: [{name: llama, port: 80}], filters: [{type: RequestMirror, requestMirror: {backendRef: ${backendRef}}}]}]}`;

const extension = "{type: ExtensionRef, extensionRef: {group: a.example, kind: A, name: a}}";
const rules = (...all: readonly string[]) =>
  `{parentRefs: [{name: gateway}], rules: [${all.map((rule, index) => `{matches: [{path: {value: /${index}}}], backendRefs: [{name: llama, port: 80}], ${rule}}`).join(", ")}]}`;
const unsupported = `filters: [${extension}]`;
const doubled =
  "filters: [{type: URLRewrite, urlRewrite: {hostname: a.example}}, {type: URLRewrite, urlRewrite: {hostname: b.example}}]";
const tooLong = "timeouts: {request: 1m, backendRequest: 2m}";
const badMatch = 'matches: [{headers: [{name: a, type: RegularExpression, value: "("}]}]';
const partly = (which: string) => `PartiallyInvalid=True UnsupportedValue: Dropped Rule ${which}`;

test.each([
  [rules(unsupported), ["Accepted=False UnsupportedValue"]],
  [rules(doubled), ["Accepted=False IncompatibleFilters"]],
  [rules("name: a", unsupported), [partly("1")]],
  [rules(doubled, "name: a", tooLong), [partly("0, 2"), partly("0, 2")]],
  [rules(unsupported, tooLong), Array(2).fill("Accepted=False UnsupportedValue")],
  [
    `{parentRefs: [{name: gateway}], rules: [{${badMatch}, backendRefs: [{name: llama, port: 80}]}]}`,
    ["Accepted=False UnsupportedValue"],
  ],
  [
    `{parentRefs: [{name: gateway}], rules: [{backendRefs: [{name: llama, port: 80}]}, {${badMatch}, backendRefs: [{name: llama, port: 80}]}]}`,
    [partly("1")],
  ],
  [refs("{name: llama, port: 80}"), []],
  ["{parentRefs: [{name: nowhere}]}", ["Accepted=False NoMatchingParent"]],
  ["{parentRefs: [{name: gateway, sectionName: tls}]}", ["Accepted=False NoMatchingParent"]],
  ["{parentRefs: [{name: closed}]}", ["Accepted=False NotAllowedByListeners"]],
  [
    "{parentRefs: [{name: gateway}], hostnames: [example.com]}",
    ["Accepted=False NoMatchingListenerHostname"],
  ],
  [refs("{name: gone, port: 80}"), ["ResolvedRefs=False BackendNotFound"]],
  [refs("{name: llama, port: 81}"), ["ResolvedRefs=False BackendNotFound"]],
  [refs("{name: llama, port: 80, kind: Widget}"), ["ResolvedRefs=False InvalidKind"]],
  [refs("{name: llama, port: 80, namespace: other}"), ["ResolvedRefs=False RefNotPermitted"]],
  [mirror("{name: gone, port: 80}"), ["ResolvedRefs=False BackendNotFound"]],
  [mirror("{name: llama, port: 80, namespace: other}"), ["ResolvedRefs=False RefNotPermitted"]],
])("an HTTPRoute of %s gets %j", (spec, expected) => {
  const { diagnostics } = readTopology([{ name: "x.yaml", text: resources(spec) }]);
  const set = diagnostics.flatMap(({ condition }) =>
    condition === undefined ? [] : conditionText(condition),
  );
  expect(set).toEqual(expected.map((each) => `HTTPRoute default/route ${each}`));
});

test("all findings in a rule have the rule as data", () => {
  const spec = `{parentRefs: [{name: gateway}], rules: [
    {backendRefs: [{name: llama, port: 80}]},
    {matches: [{path: {value: /a}}], backendRefs: [{name: gone, port: 80}], filters: [${extension}]},
    {matches: [{path: {value: /a}}], backendRefs: [{name: llama, port: 80, weight: 0}]},
  ]}`;
  const { diagnostics } = readTopology([{ name: "x.yaml", text: resources(spec) }]);
  const route = { namespace: "default", name: "route" };
  expect(diagnostics.map(({ code, rule }) => [code, rule])).toEqual(
    expect.arrayContaining([
      ["UMB0220", { route, index: 1 }],
      ["UMB0203", { route, index: 1 }],
      ["UMB0302", { route, index: 2 }],
      ["UMB0306", { route, index: 2 }],
    ]),
  );
});

test("a rule defined by an alias has its own condition", () => {
  const text = resources(`
  parentRefs: [{name: gateway}]
  rules:
    - &rule {backendRefs: [{name: llama, port: 80}], ${unsupported}}
    - {matches: [{path: {value: /b}}], backendRefs: [{name: llama, port: 80}]}
    - *rule`);
  const { diagnostics } = readTopology([{ name: "x.yaml", text }]);
  const found = diagnostics.filter(({ code }) => code === "UMB0220");
  expect(found.map(({ rule, condition }) => [rule?.index, condition?.message])).toEqual([
    [0, "Dropped Rule 0, 2"],
    [2, "Dropped Rule 0, 2"],
  ]);
});
