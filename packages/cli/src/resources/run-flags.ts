import { defaultBootstrapOptions } from "@umbra/envoy-config";
import { captureCount, checked, hostPort, number, wholeNumber } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";
import { checkReadable, checkWritable } from "../process/usable-file.ts";
import { sidecarAddress } from "./sidecar-flags.ts";

/** Flags of commands that run a sidecar or look for one. */
export interface SidecarFlags {
  readonly admin: string;
  readonly endpointKeyFile?: string;
  readonly judgeKeys?: string;
}

/** Flags of `umbra serve` and `umbra up`. */
interface RunFlags extends SidecarFlags {
  readonly probes?: string;
  readonly grpcTlsCert?: string;
  readonly grpcTlsKey?: string;
  readonly grpcClientCa?: string;
  readonly samples?: string;
  readonly capture?: number;
  readonly captureDir: string;
  readonly captureRetention: number;
  readonly adminTokenFile?: string;
  readonly compatMetrics: boolean;
  readonly traces: boolean;
  readonly watch: boolean;
}

export interface ServeFlags extends RunFlags {
  readonly grpc: string;
  readonly grpcTls?: "self-signed";
  readonly envoyAdmin?: string;
  readonly systemCa?: string;
  readonly scrapeInterval: number;
  readonly staleAfter: number;
  readonly grace: number;
  readonly drain: number;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error" | "silent";
}

export interface UpFlags extends RunFlags {
  readonly sidecar: string;
  readonly envoyAdmin: string;
  readonly concurrency: number;
  readonly statsListener?: string;
  readonly static?: true;
  readonly restart: boolean;
  readonly accessLog: boolean;
}

export interface DemoFlags {
  readonly duration: number;
  readonly same?: true;
  readonly brokenTools?: true;
  readonly html: string;
}

const both = { serve: undefined, up: undefined };

/** Flags of the commands that run the sidecar, Envoy or the demo. */
export const runFlags: FlagTable<ServeFlags & UpFlags & DemoFlags> = {
  grpc: {
    flag: "--grpc <host:port>",
    help: "address to serve ext_proc on: host:port or unix:/path",
    read: checked(sidecarAddress),
    of: { serve: "127.0.0.1:9002", doctor: "127.0.0.1:9002" },
  },
  sidecar: {
    flag: "--grpc, --sidecar <address>",
    help: "address where the sidecar serves Envoy: host:port or unix:/path",
    read: checked(sidecarAddress),
    of: { up: defaultBootstrapOptions.sidecar },
  },
  grpcTls: {
    flag: "--grpc-tls <how>",
    help: "serve ext_proc over TLS with a self-signed certificate created at start, for gateways that don't verify it",
    read: ["self-signed"],
    of: { serve: undefined },
  },
  grpcTlsCert: {
    flag: "--grpc-tls-cert <file>",
    help: "serve ext_proc over TLS with this PEM certificate chain",
    read: checked(checkReadable),
    of: both,
  },
  grpcTlsKey: {
    flag: "--grpc-tls-key <file>",
    help: "PEM key for --grpc-tls-cert; both files are reloaded when they change",
    read: checked(checkReadable),
    of: both,
  },
  grpcClientCa: {
    flag: "--grpc-client-ca <file>",
    help: "accept only clients with a certificate from this PEM CA",
    read: checked(checkReadable),
    of: both,
  },
  admin: {
    flag: "--admin <host:port>",
    help: "address of the admin interface",
    read: checked(hostPort),
    of: { serve: "127.0.0.1:9090", up: "127.0.0.1:9090", doctor: "127.0.0.1:9090" },
  },
  probes: {
    flag: "--probes <host:port>",
    help: "address that serves only /healthz, /readyz and /metrics, for a kubelet and Prometheus, so that --admin stays on loopback",
    read: checked(hostPort),
    of: both,
  },
  envoyAdmin: {
    flag: "--envoy-admin <host:port>",
    help: "address of Envoy's admin interface; the sidecar is ready only when Envoy is",
    read: checked(hostPort),
    of: {
      serve: undefined,
      up: defaultBootstrapOptions.envoyAdmin,
      render: defaultBootstrapOptions.envoyAdmin,
      doctor: defaultBootstrapOptions.envoyAdmin,
    },
  },
  endpointKeyFile: {
    flag: "--endpoint-key-file <file>",
    help: "file with the API key for Umbra's own requests to endpoints: model lists and metrics (vLLM: --api-key); sent in plain text or over unverified TLS unless a BackendTLSPolicy requires verified TLS; reloaded when it changes",
    of: { ...both, doctor: undefined },
  },
  judgeKeys: {
    flag: "--judge-keys <folder>",
    help: "folder with the API keys of judge models: FOLDER/NAMESPACE/NAME/KEY for the `apiKeySecretRef` of a ShadowPolicy in NAMESPACE, as Kubernetes mounts Secrets",
    of: { ...both },
  },
  systemCa: {
    flag: "--system-ca <file>",
    help: "PEM file with this machine's CA certificates, for a BackendTLSPolicy with wellKnownCACertificates: System (default: $SSL_CERT_FILE, else the distribution's file)",
    of: { serve: undefined, doctor: undefined },
  },
  scrapeInterval: {
    flag: "--scrape-interval <ms>",
    help: "minimum time between two scrapes of an endpoint; slow metrics pages or many endpoints raise it, up to two fifths of --stale-after",
    read: number(10, 60_000),
    of: { serve: 100 },
  },
  staleAfter: {
    flag: "--stale-after <ms>",
    help: "metrics older than this are treated as stale",
    read: number(100, 86_400_000),
    of: { serve: 2_000 },
  },
  grace: {
    flag: "--grace <ms>",
    help: "time for running requests to finish after SIGTERM",
    read: number(0, 3_600_000),
    of: { serve: 5_000 },
  },
  drain: {
    flag: "--drain <ms>",
    help: "how long to keep picking after SIGTERM while health checks and /readyz fail, so that gateways can switch away",
    read: number(0, 3_600_000),
    of: { serve: 0 },
  },
  concurrency: {
    flag: "--concurrency <threads>",
    help: "number of Envoy worker threads",
    read: wholeNumber(1, 256),
    of: { up: 2 },
  },
  statsListener: {
    flag: "--stats-listener <host:port>",
    help: "address where Envoy serves only GET /stats/prometheus",
    read: checked(hostPort),
    of: { up: undefined, render: undefined },
  },
  static: {
    flag: "--static",
    help: "give Envoy its whole configuration in a file at start, instead of by ADS from the sidecar",
    of: { up: undefined },
  },
  samples: {
    flag: "--samples <file>",
    help: "append a sample of every measured request to this NDJSON file (numbers and hashes, no text)",
    read: checked(checkWritable),
    of: both,
  },
  capture: {
    flag: "--capture <samples=count>",
    help: "keep this many redacted prompt and answer pairs on disk; without it no text is written",
    read: captureCount,
    of: both,
  },
  captureDir: {
    flag: "--capture-dir <folder>",
    help: "folder for captured pairs, readable only by you",
    of: { serve: "umbra-captures", up: "umbra-captures" },
  },
  captureRetention: {
    flag: "--capture-retention <days>",
    help: "how long to keep captured pairs",
    read: number(0.01, 30),
    of: { serve: 7, up: 7 },
  },
  adminTokenFile: {
    flag: "--admin-token-file <file>",
    help: "accept admin calls that change something from any address, with the token in this file; without it, from loopback only",
    read: checked(checkReadable),
    of: both,
  },
  compatMetrics: {
    flag: "--compat-metrics",
    help: "also export metrics under the reference endpoint picker's names, llm_d_epp_…",
    of: { serve: false, up: false },
  },
  traces: {
    flag: "--traces",
    help: "create OpenTelemetry spans for each request; load an SDK with NODE_OPTIONS=--import=FILE",
    of: { serve: false, up: false },
  },
  watch: {
    flag: "--no-watch",
    help: "read the resources once, instead of following changes of the files",
    of: { serve: true, up: true },
  },
  restart: {
    flag: "--no-restart",
    help: "exit when Envoy or the sidecar dies, instead of restarting it",
    of: { up: true },
  },
  accessLog: {
    flag: "--no-access-log",
    help: "don't write Envoy's access log to standard output",
    of: { up: true },
  },
  logLevel: {
    flag: "--log-level <level>",
    help: "minimum level of log lines",
    read: ["trace", "debug", "info", "warn", "error", "silent"],
    of: { serve: "info" },
  },
  duration: {
    flag: "--duration <seconds>",
    help: "duration of the mixed traffic",
    read: number(1, 3_600),
    of: { demo: 45 },
  },
  same: {
    flag: "--same",
    help: "make the candidate as fast as the primary, instead of 30 % slower",
    of: { demo: undefined },
  },
  brokenTools: {
    flag: "--broken-tools",
    help: "make the candidate as fast as the primary, and the arguments of 5 % of its tool calls invalid",
    of: { demo: undefined },
  },
  html: {
    flag: "--html <file>",
    help: "write the report to this HTML file",
    of: { demo: "umbra-demo-report.html" },
  },
};
