import { describe, expect, test } from "@jest/globals";
import { ownInterface, parseEndpointList, readTopology } from "@umbra/envoy-config";
import fc from "fast-check";

const refused = [
  ...["0.0.0.0:80", "[::]:80", "0.1.2.3:80"],
  ...[
    "169.254.169.254:80",
    "[fe80::1]:80",
    "[fd00:ec2::254]:80",
    "100.100.100.200:80",
    "168.63.129.16:80",
    "[64:ff9b::a9fe:a9fe]:80",
    "[::ffff:169.254.169.254]:80",
  ],
  ...["224.0.0.1:80", "255.255.255.255:80", "[ff02::1]:80"],
  ...["127.0.0.1:9901", "127.0.0.1:9090", "127.0.0.1:9002", "127.9.9.9:9901", "[::1]:9901"],
];
const taken = [
  "127.0.0.1:8000",
  "[::1]:8000",
  "10.0.0.1:9901",
  "192.168.1.1:9090",
  "[2001:db8::1]:1",
];

test.each(refused)("%s can't be a model server", (endpoint) => {
  expect(parseEndpointList(endpoint)).toMatchObject({
    ok: false,
    message: expect.stringContaining("can't be a model server"),
  });
});

test.each([
  { endpoint: "127.0.0.1:7001", want: "127.0.0.1:7001" },
  { endpoint: "127.9.9.9:7001", want: "127.0.0.1:7001" },
  { endpoint: "[::1]:7002", want: "0.0.0.0:7002" },
  { endpoint: "127.0.0.1:7003", want: undefined },
  { endpoint: "10.0.0.1:7001", want: undefined },
])("knows whether $endpoint is an interface of this machine", ({ endpoint, want }) => {
  const interfaces = ["127.0.0.1:7001", "0.0.0.0:7002", "unix:/run/7003"];
  expect(ownInterface(endpoint, interfaces)).toBe(want);
});

test.each(taken)("%s can be a model server", (endpoint) => {
  expect(parseEndpointList(endpoint)).toMatchObject({ ok: true, endpoints: [endpoint] });
});

test("rejects all addresses of the link-local and multicast networks", () => {
  fc.assert(
    fc.property(fc.nat(255), fc.nat(255), fc.integer({ min: 224, max: 255 }), (c, d, first) => {
      for (const ip of [`169.254.${c}.${d}`, `${first}.${c}.${d}.1`, `0.${c}.${d}.1`]) {
        expect(parseEndpointList(`${ip}:8000`).ok).toBe(false);
      }
    }),
  );
});

describe("resources", () => {
  const pool = (extra: object) => ({
    ...{ apiVersion: "inference.networking.k8s.io/v1", kind: "InferencePool" },
    metadata: { name: "pool", ...extra },
    spec: { selector: { matchLabels: { app: "x" } }, targetPorts: [{ number: 9901 }] },
  });
  const pod = (podIP: string) => ({
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name: "x", labels: { app: "x" } },
    spec: { containers: [{ ports: [{ containerPort: 8000 }] }] },
    status: { podIP, conditions: [{ type: "Ready", status: "True" }] },
  });
  const slice = (address: string) => ({
    ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" },
    metadata: { name: "x", labels: { "kubernetes.io/service-name": "x" } },
    endpoints: [{ addresses: [address] }],
    ports: [{ port: 8000 }],
  });

  test.each([
    {
      name: "an annotation",
      resource: pool({ annotations: { "umbra.dev/endpoints": "169.254.169.254:80" } }),
    },
    { name: "an EndpointSlice", resource: slice("169.254.169.254") },
    { name: "a Pod", resource: pod("224.0.0.1") },
  ])("$name with such an address is an error", ({ resource }) => {
    const route = {
      ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", metadata: { name: "x" } },
      spec: {
        parentRefs: [{ name: "x" }],
        rules: [
          {
            backendRefs: [
              { group: "inference.networking.k8s.io", kind: "InferencePool", name: "pool" },
            ],
          },
        ],
      },
    };
    const gateway = {
      ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway", metadata: { name: "x" } },
      spec: {
        gatewayClassName: "umbra",
        listeners: [{ name: "http", port: 80, protocol: "HTTP" }],
      },
    };
    const all = [
      gateway,
      route,
      ...(resource.kind === "InferencePool" ? [] : [pool({})]),
      resource,
    ];
    const text = all.map((each) => JSON.stringify(each)).join("\n---\n");
    const { diagnostics } = readTopology([{ name: "x.yaml", text }]);
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    expect(errors.map(({ message }) => message).join()).toMatch(/link-local|multicast/);
  });
});
