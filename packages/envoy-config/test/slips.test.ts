import { expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";

const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  listeners: [{name: http, port: 8080, protocol: HTTP}]
`;

test.each([
  [
    "a kind",
    gateway.replace("Gateway", "Gatway"),
    "2:7 warning UMB0107",
    "did you mean `Gateway`?",
  ],
  [
    "a group",
    gateway.replace("gateway.networking.k8s.io/v1", "v1"),
    "2:7 warning UMB0107",
    "Gateway belongs to the group gateway.networking.k8s.io: start apiVersion with it",
  ],
  [
    "another's kind",
    gateway.replace("gateway.networking.k8s.io/v1", "networking.istio.io/v1"),
    "2:7 info UMB0107",
    "no action needed: Umbra does not use this kind",
  ],
  [
    "an annotation",
    gateway.replace("{name: gateway}", "{name: gateway, annotations: {umbra.dev/endpoint: x}}"),
    "3:61 warning UMB0105",
    "did you mean `umbra.dev/endpoints`?",
  ],
  [
    "an annotation's value",
    gateway.replace(
      "{name: gateway}",
      "{name: gateway, annotations: {umbra.dev/mirror-credentials: kep}}",
    ),
    "3:71 error UMB0104",
    "did you mean keep?",
  ],
  ["a protocol", gateway.replace("HTTP}", "http}"), "5:50 warning UMB0208", "did you mean HTTP?"],
  [
    "a listener's field",
    gateway.replace("protocol", "protocl"),
    "5:40 warning UMB0105",
    "did you mean `protocol`?",
  ],
  [
    "a field's kind",
    gateway.replace("{name: gateway}", "gateway"),
    "3:11 error UMB0104",
    "use a value that the message allows",
  ],
])("a misspelling in %s is reported with a suggestion", (_name, text, place, remedy) => {
  const { diagnostics } = readTopology([{ name: "a", text }]);
  const told = diagnostics.map((each) => [
    `${each.line}:${each.column} ${each.severity} ${each.code}`,
    each.remedy,
  ]);
  expect(told).toContainEqual([place, remedy]);
});

test("annotations of other projects are not reported", () => {
  const text = gateway.replace(
    "{name: gateway}",
    "{name: gateway, annotations: {a.example/endpoint: x, umbra: y}}",
  );
  expect(readTopology([{ name: "a", text }]).diagnostics.map(({ code }) => code)).toEqual([
    "UMB0308",
  ]);
});

test.each([
  ["a bootstrap", "static_resources: {listeners: []}\n"],
  ["an empty bootstrap", "dynamic_resources: {}\n"],
  ["a part", 'resources: [{"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster}]\n'],
  ["what is rendered", renderBootstrap(readTopology([{ name: "g", text: gateway }]).topology)],
])("%s of Envoy among the files is ignored with an info", (_, text) => {
  const { diagnostics } = readTopology([
    { name: "envoy.yaml", text },
    { name: "gateway.yaml", text: gateway },
  ]);
  const said = diagnostics.filter(({ file }) => file === "envoy.yaml");
  expect(said).toMatchObject([{ severity: "info", code: "UMB0107" }]);
  expect(diagnostics.filter(({ severity }) => severity !== "info")).toEqual([]);
});

const mirrored = (parent: string, backend: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat}
spec:
  parentRefs: [${parent}]
  rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: ${backend}}}]}]
`;

test.each([
  [
    "a reference of the wrong type is not also reported as missing",
    mirrored("{name: gateway}", "shadow"),
    ["6:72 UMB0104 `backendRef` must be a map"],
  ],
  [
    "the group of a reference must be a string",
    mirrored("{name: gateway, group: 5}", "{name: shadow, port: 80}"),
    ["5:39 UMB0104 `group` must be a string"],
  ],
  [
    "an item of a List must be a resource",
    `${gateway}---\napiVersion: v1\nkind: List\nitems: [gateway]\n`,
    ["9:8 UMB0104 `items` must be a list of maps"],
  ],
])("%s", (_name, text, expected) => {
  const { diagnostics } = readTopology([{ name: "a", text }]);
  const errors = diagnostics.filter(({ code }) => code === "UMB0103" || code === "UMB0104");
  const told = errors.map(
    ({ line, column, code, message }) => `${line}:${column} ${code} ${message}`,
  );
  expect(told).toEqual(expected);
});
