import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import type { Io } from "@umbra/cli";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import { checkCommand } from "../src/commands/check.ts";
import { renderCommand } from "../src/commands/render.ts";
import { describeFlags, type FlagRow } from "./flag-rows.ts";
import { runCommand } from "./run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-test-"));
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const service = (name: string) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {ports: [{port: 80}]}
`;
/** Everything a flag can apply to: two pools, a mirror that can't be resolved, TLS, a Service that no route uses. */
const resources = file(
  "resources.yaml",
  `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llama}]
      filters:
        - {type: RequestMirror, requestMirror: {backendRef: {name: gone, port: 80}}}
        - {type: RequestMirror, requestMirror: {backendRef: {name: shadow, port: 80}}}
    - matches: [{path: {type: PathPrefix, value: /named}}]
      backendRefs: [{name: by-name, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /tls}}]
      backendRefs: [{name: verified, port: 80}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000,10.0.0.2:8000"}}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: 8000}]}
---
apiVersion: v1
kind: Service
metadata: {name: shadow, annotations: {umbra.dev/endpoints: "10.0.0.3:8000"}}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: verified}
spec:
  targetRefs: [{group: "", kind: Service, name: verified}]
  validation: {hostname: verified.example.com, wellKnownCACertificates: System}
${service("verified")}${service("by-name")}${service("unused")}`,
);
const ofClass = (name: string, port = 8080) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}}
spec: {gatewayClassName: ${name}, listeners: [{name: http, port: ${port}, protocol: HTTP, hostname: ${name}.test}]}
`;
const classes = file("classes.yaml", `${ofClass("a")}${ofClass("b", 8081)}`);
const named = file(
  "named.yaml",
  `${ofClass("a")}---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec:
  selector: {matchLabels: {app: llama}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: theirs, port: {number: 9002}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: a}]
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llama}]}]
`,
);
const https = new URL("../../../envoy/https/resources.yaml", import.meta.url).pathname;
const crashing = file(
  "crashing.yaml",
  "layered_runtime: {layers: [{name: a, static_layer: {envoy.reloadable_features.ext_proc_graceful_grpc_close: true}}]}",
);
const notYaml = file("not.yaml", "a: [");
const broken = file("broken.yaml", "kind: Gateway\napiVersion: v1\n");

const withFiles = ["-f", resources];
const pools = /llama, default\/llama|use one of/;

const topologyRows: Readonly<Record<string, FlagRow>> = {
  "--file": {
    base: [],
    works: [["--file", resources]],
    refused: [[["--file", join(folder, "absent.yaml")], /there is no file or folder/]],
  },
  "--endpoints": {
    works: [
      ["--endpoints", "llama=10.9.9.9:80"],
      ["--endpoints", "default/llama=10.9.9.9:80,[::1]:80"],
      ["--endpoints", "shadow=10.9.9.9:80"],
      ["--endpoints", "by-name=10.9.9.9:80"],
    ],
    refused: [
      [["--endpoints", "NOPE=1.2.3.4:80"], pools],
      [["--endpoints", "lama=1.2.3.4:80"], /did you mean "llama"/],
      [["--endpoints", "unused=1.2.3.4:80"], /nor a Service that a route refers to/],
      [["--endpoints", "llama"], /NAME=ip:port/],
      [["--endpoints", "llama=host:80"], /--endpoints/],
      [["--endpoints", "llama=1.2.3.4:80", "--endpoints", "llama=1.2.3.5:80"], /twice/],
    ],
  },
  "--pick-mode": {
    works: [
      ["--pick-mode", "llama=headers"],
      ["--pick-mode", "default/llama=duplex"],
    ],
    refused: [
      [["--pick-mode", "NOPE=headers"], pools],
      [["--pick-mode", "by-name=headers"], /Umbra does not pick in "by-name"/],
      [["--pick-mode", "llama=whole"], /headers, buffered, duplex/],
      [["--pick-mode", "llama"], /NAME=MODE/],
    ],
  },
  "--picker": {
    works: [
      ["--picker", "llama=picker.svc:9002"],
      ["--picker", "default/llama=tls:picker.svc:9002"],
    ],
    refused: [
      [["--picker", "NOPE=picker.svc:9002"], pools],
      [["--picker", "shadow=picker.svc:9002"], /not an InferencePool/],
      [["--picker", "llama=picker"], /HOST:PORT/],
    ],
  },
  "--picker-ca": {
    base: [...withFiles, "--picker", "llama=tls:picker.svc:9002"],
    works: [["--picker-ca", "llama=/ca.pem"]],
    refused: [
      [["--picker-ca", "shadow=/ca.pem"], /needs --picker shadow=tls/],
      [["--picker-ca", "llama"], /POOL=FILE/],
    ],
  },
  "--strict": { works: [["--strict"]], refused: [] },
  "--listener": {
    works: [
      ["--listener", "http=8081"],
      ["--listener", "gw/http=8082"],
    ],
    refused: [
      [["--listener", "nope=8081"], /use one of http/],
      [["--listener", "http=0"], /not a port/],
      [["--listener", "http"], /NAME=PORT/],
      [["--listener", "http=8081", "--listener", "http=8082"], /twice/],
    ],
  },
  "--bind": {
    works: [["--bind", "127.0.0.1"]],
    refused: [[["--bind", "localhost"], /IP address/]],
  },
  "--picker-service": {
    base: ["-f", named],
    works: [
      ["--picker-service", "default/umbra"],
      ["--picker-service", "other/theirs:9002", "--picker-service", "umbra/umbra:9002"],
    ],
    refused: [
      [["--picker-service", "umbra"], /expects NAMESPACE\/NAME/],
      [["--picker-service", "a/b:70000"], /expects NAMESPACE\/NAME/],
    ],
  },
  "--gateway-class": {
    base: ["-f", classes],
    works: [["--gateway-class", "b"]],
    refused: [[["--gateway-class", "c"], /no Gateway of the class "c"/]],
  },
  "--gateway-addresses": {
    base: ["-f", classes],
    works: [["--gateway-addresses", "127.0.5.0/24"]],
    refused: [[["--gateway-addresses", "127.0.5.0"], /a network such as/]],
  },
  "--set": {
    works: [["--set", "maxBody=8Mi"]],
    refused: [
      [["--set", "maxBodies=8Mi"], /maxBody/],
      [["--set", "maxBody=huge"], /--set maxBody=huge/],
      [["--set", "maxBody"], /NAME=VALUE/],
      [["--set", "maxBody=8Mi", "--set", "maxBody=9Mi"], /twice/],
    ],
  },
};

/** Only the sidecar uses metrics locations: `check -o json` prints them and `render` ignores them. */
const metricsRows: Readonly<Record<string, FlagRow>> = {
  "--metrics-path": {
    works: [["--metrics-path", "llama=/prometheus/metrics"]],
    refused: [
      [["--metrics-path", "NOPE=/m"], pools],
      [["--metrics-path", "llama=metrics"], /must begin with \//],
      [["--metrics-path", "llama"], /NAME=PATH/],
      [["--metrics-path", "llama=/a", "--metrics-path", "llama=/b"], /twice/],
    ],
  },
  "--metrics-port": {
    works: [["--metrics-port", "default/llama=8002"]],
    refused: [
      [["--metrics-port", "llama=0"], /not a port/],
      [["--metrics-port", "llama"], /NAME=PORT/],
    ],
  },
  "--metrics-scheme": {
    works: [["--metrics-scheme", "llama=https"]],
    refused: [
      [["--metrics-scheme", "llama=ftp"], /neither http nor https/],
      [["--metrics-scheme", "llama"], /NAME=SCHEME/],
    ],
  },
};

/** A Gateway in the namespace "b" of a scripted API server; nothing in "a". */
const api = new ScriptedApiServer();
await api.start();
afterAll(() => api.stop());
const gatewayApi = { group: "gateway.networking.k8s.io", version: "v1" };
api
  .install({ ...gatewayApi, plural: "gatewayclasses", kind: "GatewayClass", isNamespaced: false })
  .put({ metadata: { name: "umbra" }, spec: { controllerName: "umbra.dev/gateway" } });
api.install({ ...gatewayApi, plural: "gateways", kind: "Gateway", isNamespaced: true }).put({
  metadata: { name: "gw", namespace: "b" },
  spec: {
    gatewayClassName: "umbra",
    listeners: [{ name: "http", port: 8080, protocol: "HTTP" }],
  },
});
const kubeconfigOf = (namespace: string) =>
  file(
    `kubeconfig-${namespace}`,
    JSON.stringify({
      "current-context": "here",
      clusters: [{ name: "c", cluster: { server: api.url } }],
      contexts: [{ name: "here", context: { cluster: "c", namespace } }],
    }),
  );
const withKube = [...withFiles, "--kube", "--kubeconfig", kubeconfigOf("a")];

const kube: Readonly<Record<string, FlagRow>> = {
  "--kube": { works: [["--kube", "--kubeconfig", kubeconfigOf("b")]], refused: [] },
  "--kubeconfig": {
    base: withKube,
    works: [["--kubeconfig", kubeconfigOf("b")]],
    refused: [
      [["--kubeconfig", join(folder, "none")], /none/],
      [["--kubeconfig", file("no-config", "{}")], /it has no current-context/],
    ],
  },
  "--namespace": {
    base: withKube,
    works: [["--namespace", "b"]],
    refused: [[["--namespace", "A/B"], /a namespace's name/]],
  },
  "--all-namespaces": {
    base: withKube,
    works: [["--all-namespaces"]],
    refused: [[["--all-namespaces", "--namespace", "a"], /not both/]],
  },
};

const check: Readonly<Record<string, FlagRow>> = {
  ...kube,
  // The rows don't include listeners and limits.
  ...Object.fromEntries(
    Object.entries({ ...topologyRows, ...metricsRows }).map(
      ([flag, { base = withFiles, ...row }]) => [flag, { ...row, base: [...base, "-o", "json"] }],
    ),
  ),
  "--output": {
    works: ["json", "yaml", "diagnostics", "sarif"].map((form) => ["--output", form]),
    refused: [[["--output", "xml"], /table, json, yaml, diagnostics, sarif/]],
  },
  "--github": { works: [["--github"]], refused: [] },
  "--failure-threshold": {
    works: [["--failure-threshold", "warning"]],
    refused: [[["--failure-threshold", "some"], /error, warning, info/]],
  },
  "--envoy": { works: [["--envoy"]], refused: [] },
  "--bootstrap": {
    works: [["--bootstrap", crashing]],
    refused: [
      [["--bootstrap", join(folder, "absent.yaml")], /there is no file/],
      [["--bootstrap", notYaml], /can't be read as YAML/],
    ],
  },
  "--explain": {
    base: [],
    works: [["--explain", "UMB0203"]],
    refused: [
      [["--explain", "UMB9999"], /UMB9999/],
      [["--explain", "UMB0203", "-f", broken], /remove -f/],
    ],
  },
};

const directBase = ["--primary", "10.0.0.1:80"];
const sidecarTls = ["--sidecar-ca", "/ca.pem"];
const mutualTls = [...sidecarTls, "--sidecar-cert", "/c.pem", "--sidecar-key", "/k.pem"];

const withoutEffect = Object.fromEntries(
  Object.entries(metricsRows).map(([flag, { works }]): [string, FlagRow] => [
    flag,
    { works: [], refused: works.map((args) => [args, /have no effect on Envoy/] as const) },
  ]),
);

const render: Readonly<Record<string, FlagRow>> = {
  ...topologyRows,
  ...withoutEffect,
  "--primary": {
    base: [],
    works: [["--primary", "10.0.0.1:80"]],
    refused: [
      [["--primary", "nowhere"], /--primary/],
      [["--primary", "10.0.0.1:80", ...withFiles], /either -f, or --primary/],
      [
        ["--primary", "10.0.0.1:80", "--endpoints", "a=10.0.0.1:80"],
        /--endpoints applies to a pool/,
      ],
      [["--primary", "10.0.0.1:80", "--picker", "a=b:80"], /--picker applies to a pool/],
      [["--primary", "10.0.0.1:80", "--pick-mode", "a=headers"], /--pick-mode applies to a pool/],
      [["--primary", "10.0.0.1:80", "--strict"], /--strict/],
      [["--primary", "10.0.0.1:80", "--listener", "nope=80"], /the only listener is http/],
    ],
  },
  "--shadow": {
    base: directBase,
    works: [["--shadow", "10.0.0.2:80"]],
    refused: [[["--shadow", "nowhere"], /--shadow/]],
  },
  "--format": {
    works: ["route-config", "clusters", "pick-filter", "observe-filter", "shadow-lane"].map(
      (part) => ["--format", part],
    ),
    refused: [[["--format", "everything"], /route-config/]],
  },
  "--ads": {
    works: [
      ["--ads", "unix:/run/umbra/ads.sock"],
      ["--xds", "unix:/run/umbra/ads.sock"],
      ["--ads", "10.0.0.9:18000", ...mutualTls],
    ],
    refused: [
      [["--ads", "somewhere"], /HOST:PORT/],
      [["--ads", "unix:relative"], /absolute path/],
      [["--ads", "10.0.0.9:18000"], /private keys pass there/],
      [["--ads", "unix:/ads.sock", "--format", "clusters"], /not both/],
      [["--ads", "unix:/ads.sock", "--plain-mirror"], /--plain-mirror: no effect/],
      [["--ads", "unix:/ads.sock", "--no-observe"], /--no-observe: no effect/],
    ],
  },
  "--ads-protocol": {
    base: [...directBase, "--ads", "unix:/run/umbra/ads.sock"],
    works: [["--ads-protocol", "DELTA_GRPC"]],
    refused: [[["--ads-protocol", "REST"], /GRPC, DELTA_GRPC/]],
  },
  "--of-listener": {
    base: ["-f", https, "--format", "route-config"],
    works: [["--of-listener", "http"]],
    refused: [
      [["--of-listener", "nope"], /choose one of .*http/],
      [["--of-listener", "http", "--format", "clusters"], /needs --format route-config/],
    ],
  },
  "--sidecar": {
    works: [
      ["--sidecar", "10.0.0.9:9002"],
      ["--sidecar", "unix:/run/umbra.sock"],
    ],
    refused: [
      [["--sidecar", "somewhere"], /HOST:PORT/],
      [["--sidecar", "unix:relative"], /absolute path/],
    ],
  },
  "--sidecar-tls": { works: [["--sidecar-tls"]], refused: [] },
  "--sidecar-ca": { works: [sidecarTls], refused: [] },
  "--sidecar-cert": {
    works: [["--sidecar-cert", "/c.pem", "--sidecar-key", "/k.pem"]],
    refused: [[["--sidecar-cert", "/c.pem"], /give both --sidecar-cert/]],
  },
  "--sidecar-key": {
    works: [["--sidecar-cert", "/c.pem", "--sidecar-key", "/k.pem"]],
    refused: [[["--sidecar-key", "/k.pem"], /give both --sidecar-cert/]],
  },
  "--sidecar-name": {
    base: [...withFiles, ...sidecarTls],
    works: [["--sidecar-name", "umbra"]],
    refused: [],
  },
  "--envoy-admin": {
    works: [["--envoy-admin", "127.0.0.1:1"]],
    refused: [
      [["--envoy-admin", "somewhere"], /HOST:PORT/],
      [["--envoy-admin", "127.0.0.1:1", "--format", "pick-filter"], /no effect/],
    ],
  },
  "--plain-mirror": {
    works: [["--plain-mirror"]],
    refused: [
      [["--plain-mirror", "--no-observe"], /uses no sidecar/],
      [["--plain-mirror", ...sidecarTls], /uses no sidecar/],
    ],
  },
  "--no-observe": { works: [["--no-observe"]], refused: [] },
  "--tls-dir": {
    base: ["-f", https],
    works: [["--tls-dir", "/elsewhere"]],
    refused: [[["--tls-dir", "/elsewhere", "--inline-certificates"], /not both/]],
  },
  "--inline-certificates": {
    base: ["-f", https],
    works: [["--inline-certificates"]],
    refused: [],
  },
  "--system-ca": { works: [["--system-ca", "/elsewhere.pem"]], refused: [] },
  "--stats-listener": {
    works: [["--stats-listener", "0.0.0.0:9"]],
    refused: [
      [["--stats-listener", "somewhere"], /HOST:PORT/],
      [["--stats-listener", "0.0.0.0:9", "--format", "route-config"], /no effect/],
    ],
  },
  "--comments": { works: [["--comments"]], refused: [] },
};

const io = { stdout() {}, stderr() {}, env: {} } as unknown as Io;

describeFlags(checkCommand(io), check, withFiles);
describeFlags(renderCommand(io), render, withFiles);

test.each([
  { flag: "--tls-dir", base: withFiles, message: /--tls-dir has no effect: no listener/ },
  { flag: "--system-ca", base: ["-f", https], message: /--system-ca has no effect: no BackendTLS/ },
  { flag: "--system-ca", base: ["--primary", "10.0.0.1:80"], message: /has no effect/ },
])("umbra render rejects $flag if $base use no such TLS", async ({ flag, base, message }) => {
  const { status, stdout, stderr } = await runCommand(["render", ...base, flag, "/elsewhere"]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(message);
});
