/** Values that the chart refuses. */
export interface WrongValue {
  readonly name: string;
  readonly values: object;
}

/** Refused by `values.schema.json`, at `path`. */
export interface WrongShape extends WrongValue {
  readonly path: string;
}

export const wrongShapes: readonly WrongShape[] = [
  { name: "an unknown mode", values: { mode: "both" }, path: "/mode" },
  { name: "a misspelt value", values: { nodeselector: {} }, path: "" },
  { name: "a number as text", values: { replicas: "two" }, path: "/replicas" },
  { name: "fewer than no pods", values: { replicas: -1 }, path: "/replicas" },
  {
    name: "a judge's Secret whose name is a path",
    values: { sidecar: { judgeKeys: { default: ["../peers"] } } },
    path: "/sidecar/judgeKeys/default/0",
  },
  {
    name: "an image as text",
    values: { images: { gateway: "umbra:1" } },
    path: "/images/gateway",
  },
  {
    name: "an image without a name",
    values: { images: { sidecar: { repository: "" } } },
    path: "/images/sidecar/repository",
  },
  {
    name: "an unknown pull policy",
    values: { images: { pullPolicy: "Sometimes" } },
    path: "/images/pullPolicy",
  },
  {
    name: "one namespace instead of a list",
    values: { watch: { namespaces: "team-a" } },
    path: "/watch/namespaces",
  },
  {
    name: "a namespace with a wrong letter",
    values: { watch: { namespaces: ["team_a"] } },
    path: "/watch/namespaces/0",
  },
  {
    name: "a namespace twice",
    values: { watch: { namespaces: ["a", "a"] } },
    path: "/watch/namespaces",
  },
  { name: "a gateway without a port", values: { gateway: { ports: [] } }, path: "/gateway/ports" },
  {
    name: "a port without a name",
    values: { gateway: { ports: [{ port: 80 }] } },
    path: "/gateway/ports/0",
  },
  {
    name: "a port that does not exist",
    values: { gateway: { ports: [{ name: "http", port: 70_000 }] } },
    path: "/gateway/ports/0/port",
  },
  {
    name: "an unknown type of Service",
    values: { gateway: { service: { type: "External" } } },
    path: "/gateway/service/type",
  },
  { name: "no worker", values: { envoy: { concurrency: 0 } }, path: "/envoy/concurrency" },
  {
    name: "a heap with a unit",
    values: { envoy: { maxHeapMebibytes: "4Gi" } },
    path: "/envoy/maxHeapMebibytes",
  },
  {
    name: "an unknown kind of TLS",
    values: { picker: { tls: { kind: "mutual" } } },
    path: "/picker/tls/kind",
  },
  {
    name: "a certificate without its Secret",
    values: { picker: { tls: { kind: "secret", secretName: "" } } },
    path: "/picker/tls/secretName",
  },
  {
    name: "an unknown log level",
    values: { sidecar: { logLevel: "loud" } },
    path: "/sidecar/logLevel",
  },
  {
    name: "a path as the key of a secret",
    values: { peers: { key: "../token" } },
    path: "/peers/key",
  },
  {
    name: "the folder above as the key of a secret",
    values: { peers: { key: ".." } },
    path: "/peers/key",
  },
  { name: "a time with a unit", values: { drain: { timeout: "120s" } }, path: "/drain/timeout" },
  { name: "a misspelt time", values: { drain: { timeot: 120 } }, path: "/drain" },
  {
    name: "labels that are no text",
    values: { podLabels: { canary: true } },
    path: "/podLabels/canary",
  },
];

/** Refused by the chart's own checks, which say more than a schema could. */
export const wrongMeanings: readonly WrongValue[] = [
  { name: "an address instead of a network", values: { gateway: { addresses: "10.0.7.1" } } },
  { name: "a Service without a namespace", values: { gateway: { pickerServices: ["umbra"] } } },
  { name: "a tag as a digest", values: { images: { gateway: { digest: "v1" } } } },
  { name: "a word as an amount", values: { podDisruptionBudget: { maxUnavailable: "half" } } },
  {
    name: "all namespaces and one",
    values: { watch: { allNamespaces: true, namespaces: ["team-a"] } },
  },
  {
    name: "more pods at least than at most",
    values: { autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 2 } },
  },
  { name: "more replicas than know each other", values: { replicas: 65 } },
  {
    name: "a label of the chart's own selectors",
    values: { podLabels: { "app.kubernetes.io/name": "other" } },
  },
  {
    name: "a label that the chart gives to all objects",
    values: { monitoring: { alerts: { labels: { "helm.sh/chart": "other" } } } },
  },
  {
    name: "an annotation of the chart itself",
    values: { podAnnotations: { "umbra.dev/bootstrap-hash": "none" } },
  },
  { name: "no ServiceAccount at all", values: { serviceAccount: { create: false } } },
  {
    name: "a port of Umbra itself",
    values: { gateway: { ports: [{ name: "http", port: 9091 }] } },
  },
  {
    name: "a name of a port twice",
    values: {
      gateway: {
        ports: [
          { name: "http", port: 80 },
          { name: "http", port: 81 },
        ],
      },
    },
  },
];
