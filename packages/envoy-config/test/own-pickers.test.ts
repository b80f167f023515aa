import { describe, expect, test } from "@jest/globals";
import { createResourceStore, type Pool, type ResourceStoreOptions } from "@umbra/envoy-config";

const pool = (ref: string) => `apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: 8000}]${ref}}
`;
const names = (name: string, more = "") => `, endpointPickerRef: {name: ${name}${more}}`;
const port = (number: number) => `, port: {number: ${number}}`;
const service = (more: string, endpoints = "") => `---
apiVersion: v1
kind: Service
metadata: {name: theirs${endpoints}}
spec: {ports: [{port: 9002${more}}]}
`;
const listed = ', annotations: {umbra.dev/endpoints: "10.0.0.8:9002,10.0.0.9:9002"}';
const own = [{ namespace: "default", name: "umbra", port: 9002 }];

interface Outcome extends Pick<Pool, "picker" | "externalPicker"> {
  readonly reasons: readonly unknown[];
}

function pickerIn(text: string, options: ResourceStoreOptions): Outcome {
  const store = createResourceStore(options);
  store.put({ name: "x", text });
  const { topology, diagnostics } = store.resolve();
  const { picker = "none", externalPicker } = topology.pools[0] ?? {};
  return {
    picker,
    ...(externalPicker === undefined ? {} : { externalPicker }),
    reasons: diagnostics.flatMap(({ condition }) => condition?.reason ?? []),
  };
}

const umbra: Outcome = { picker: "umbra", reasons: [] };
const theirs = (more: object = {}, ...reasons: readonly string[]): Outcome => ({
  picker: "external",
  externalPicker: { address: "theirs.default.svc:9002", isTls: true, ...more },
  reasons,
});
const live = { ownPickers: own, isLive: true, hasAllPods: true };

describe("the picker of a pool", () => {
  test.each([
    {
      name: "without a list of own Services",
      text: pool(names("theirs")),
      options: {},
      want: umbra,
    },
    { name: "that names no picker", text: pool(""), options: { ownPickers: own }, want: umbra },
    {
      name: "that names Umbra's Service",
      text: pool(names("umbra", port(9002))),
      options: { ownPickers: own },
      want: umbra,
    },
    {
      name: "that names Umbra's Service by the usual port",
      text: pool(names("umbra")),
      options: { ownPickers: own },
      want: umbra,
    },
    {
      name: "that names Umbra's Service by another port",
      text: pool(names("umbra", port(9003))),
      options: { ownPickers: own },
      want: theirs({ address: "umbra.default.svc:9003" }),
    },
    {
      name: "that names any port of Umbra's Service",
      text: pool(names("umbra", port(9003))),
      options: { ownPickers: [{ namespace: "default", name: "umbra" }] },
      want: umbra,
    },
    {
      name: "that names a Service called like Umbra's, of another namespace",
      text: pool(names("umbra")),
      options: { ownPickers: [{ namespace: "other", name: "umbra" }] },
      want: theirs({ address: "umbra.default.svc:9002" }),
    },
    {
      name: "that names another Service",
      text: pool(names("theirs")),
      options: { ownPickers: own },
      want: theirs(),
    },
    {
      name: "with an empty list of own Services",
      text: pool(names("theirs")),
      options: { ownPickers: [] },
      want: theirs(),
    },
    {
      name: "that names a Service with plain HTTP/2",
      text: pool(names("theirs")) + service(", appProtocol: kubernetes.io/h2c"),
      options: { ownPickers: own },
      want: theirs({ isTls: false }),
    },
    ...(["http2", "grpc", "h2"] as const).map((protocol) => ({
      name: `that names a Service with ${protocol}, which does not say that there is no TLS`,
      text: pool(names("theirs")) + service(`, appProtocol: ${protocol}`),
      options: { ownPickers: own },
      want: theirs(),
    })),
    {
      name: "that names a Service whose instances are known",
      text: pool(names("theirs")) + service("", listed),
      options: { ownPickers: own },
      want: theirs({ endpoints: ["10.0.0.8:9002", "10.0.0.9:9002"] }),
    },
    {
      name: "that names a Service that a cluster does not have",
      text: pool(names("theirs")),
      options: live,
      want: theirs({}, "InvalidExtensionRef"),
    },
    {
      name: "that names a port that its Service does not have",
      text: pool(names("theirs", port(9003))) + service(""),
      options: live,
      want: theirs({ address: "theirs.default.svc:9003" }, "InvalidExtensionRef"),
    },
    {
      name: "that names another kind",
      text: pool(names("theirs", ", kind: Picker, group: a.test")),
      options: { ownPickers: own },
      want: { picker: "umbra", reasons: ["InvalidExtensionRef"] },
    },
  ] as const)("$name", ({ text, options, want }) => {
    expect(pickerIn(text, options)).toEqual(want);
  });

  test("is the one of --picker, whatever the pool names", () => {
    const pickers = new Map([["llama", { address: "10.0.0.7:9002", isTls: false }]]);
    const options = { ownPickers: own, pickers };
    expect(pickerIn(pool(names("umbra")), options).externalPicker?.address).toBe("10.0.0.7:9002");
  });
});
