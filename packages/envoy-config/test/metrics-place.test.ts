import { describe, expect, test } from "@jest/globals";
import { readTopology, type TopologyOptions } from "@umbra/envoy-config";

interface Annotated {
  readonly pool?: Readonly<Record<string, string>>;
  readonly pod?: Readonly<Record<string, string>>;
  readonly ports?: readonly number[];
}

function read({ pool = {}, pod = {}, ports = [8000] }: Annotated, options: TopologyOptions = {}) {
  const text = `apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata:
  name: llama
  annotations: ${JSON.stringify(pool)}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [${ports.map((number) => `{number: ${number}}`)}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: llama-0
  labels: {app: llama}
  annotations: ${JSON.stringify(pod)}
spec: {}
status: {podIP: 10.0.0.1, conditions: [{type: Ready, status: "True"}]}
`;
  const { topology, diagnostics } = readTopology([{ name: "pool.yaml", text }], {
    isGatewayNeeded: false,
    ...options,
  });
  const [{ scrape, endpointScrape } = {}] = topology.pools;
  const findings = diagnostics
    .filter(({ code }) => code === "UMB0216" || code === "UMB0207" || code === "UMB0105")
    .map(({ severity, line, column, message }) => ({ severity, at: `${line}:${column}`, message }));
  return { scrape, endpointScrape, findings };
}

describe("the location of metrics pages", () => {
  test.each<{ name: string; from: Annotated; flags?: object; scrape?: object; own?: object }>([
    { name: "not given: the engine's default", from: {} },
    {
      name: "the pool's annotations",
      from: {
        pool: {
          "umbra.dev/metrics-path": "/m?x=1",
          "umbra.dev/metrics-port": "9000",
          "umbra.dev/metrics-scheme": "https",
        },
      },
      scrape: { path: "/m?x=1", port: 9_000, scheme: "https" },
    },
    {
      name: "the Pod's own annotations override the pool's",
      from: {
        pool: { "umbra.dev/metrics-path": "/m", "umbra.dev/metrics-port": "9000" },
        pod: { "umbra.dev/metrics-port": "9001" },
      },
      scrape: { path: "/m", port: 9_000 },
      own: { "10.0.0.1:8000": { path: "/m", port: 9_001 } },
    },
    {
      name: "Prometheus' annotations of the Pod",
      from: {
        pod: {
          "prometheus.io/path": "/prom",
          "prometheus.io/port": "9100",
          "prometheus.io/scheme": "https",
        },
      },
      own: { "10.0.0.1:8000": { path: "/prom", port: 9_100, scheme: "https", isHint: true } },
    },
    {
      name: "the pool's annotations override Prometheus'",
      from: { pool: { "umbra.dev/metrics-path": "/m" }, pod: { "prometheus.io/path": "/prom" } },
      scrape: { path: "/m" },
    },
    {
      name: "Prometheus' port equal to the endpoint's own is ignored",
      from: { pod: { "prometheus.io/port": "8000" } },
    },
    {
      name: "Prometheus' port is ignored for a Pod with several servers",
      from: { pod: { "prometheus.io/port": "8000" }, ports: [8_000, 8_001] },
    },
    {
      name: "flags override all annotations",
      from: { pool: { "umbra.dev/metrics-path": "/m" }, pod: { "umbra.dev/metrics-path": "/p" } },
      flags: { path: "/flag" },
      scrape: { path: "/flag" },
    },
  ])("$name", ({ from, flags, scrape = {}, own = {} }) => {
    const options = flags === undefined ? {} : { metricsPlaces: new Map([["llama", flags]]) };
    expect(read(from, options)).toEqual({ scrape, endpointScrape: own, findings: [] });
  });

  test.each([
    ["umbra.dev/metrics-path", "metrics", '"metrics" is not a path: it must begin with /'],
    ["umbra.dev/metrics-path", "/a b", '"/a b" is not a path: it must begin with /'],
    ["umbra.dev/metrics-path", "/a#b", '"/a#b" is not a path: it must begin with /'],
    ["umbra.dev/metrics-port", "0", '"0" is not a port (1 to 65535)'],
    ["umbra.dev/metrics-port", "65536", '"65536" is not a port (1 to 65535)'],
    ["umbra.dev/metrics-port", "0x1f", '"0x1f" is not a port (1 to 65535)'],
    ["umbra.dev/metrics-port", "metrics", '"metrics" is not a port (1 to 65535)'],
    ["umbra.dev/metrics-scheme", "ftp", '"ftp" is neither http nor https'],
  ])("%s: %s is an error with its place", (name, value, message) => {
    const { findings, scrape } = read({ pool: { [name]: value } });
    expect(scrape).toEqual({});
    expect(findings).toEqual([
      {
        severity: "error",
        at: expect.stringMatching(/^5:\d+$/),
        message: `annotation ${name} of "llama": ${message}`,
      },
    ]);
  });

  test("a value that Prometheus would reject is a warning and ignored", () => {
    const { findings, endpointScrape } = read({
      pod: { "prometheus.io/port": "metrics", "prometheus.io/path": "/p" },
      ports: [8_000, 8_001],
    });
    expect(findings).toMatchObject([{ severity: "warning", at: expect.stringMatching(/^13:/) }]);
    expect(endpointScrape).toEqual({
      "10.0.0.1:8000": { path: "/p", isHint: true },
      "10.0.0.1:8001": { path: "/p", isHint: true },
    });
  });

  test("a flag for an unknown pool is an error", () => {
    const { findings } = read({}, { metricsPlaces: new Map([["lama", { path: "/m" }]]) });
    expect(findings).toMatchObject([
      { severity: "error", message: expect.stringContaining('"lama" is') },
    ]);
  });
});
