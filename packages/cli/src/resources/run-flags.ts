import { defaultBootstrapOptions } from "@umbra/envoy-config";
import { captureCount, checked, hostPort, number, wholeNumber } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";
import { checkReadable, checkWritable } from "../process/usable-file.ts";
import { sidecarAddress } from "./sidecar-flags.ts";

/** Of commands that run a sidecar, or look for one. */
export interface SidecarFlags {
  readonly admin: string;
  readonly endpointKeyFile?: string;
}

/** Of `umbra serve` and `umbra up`. */
interface RunFlags extends SidecarFlags {
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
  readonly restart: boolean;
  readonly accessLog: boolean;
}

export interface DemoFlags {
  readonly duration: number;
  readonly same?: true;
  readonly html: string;
}

const both = { serve: undefined, up: undefined };

/** Flags of the commands that run something: the sidecar, Envoy and the sidecar, the demo. */
export const runFlags: FlagTable<ServeFlags & UpFlags & DemoFlags> = {
  grpc: {
    flag: "--grpc <host:port>",
    help: "where ext_proc is served, or unix:/path",
    read: checked(sidecarAddress),
    of: { serve: "127.0.0.1:9002", doctor: "127.0.0.1:9002" },
  },
  sidecar: {
    flag: "--grpc, --sidecar <address>",
    help: "where the sidecar serves Envoy: host:port or unix:/path",
    read: checked(sidecarAddress),
    of: { up: defaultBootstrapOptions.sidecar },
  },
  grpcTls: {
    flag: "--grpc-tls <how>",
    help: "serve ext_proc over TLS with a certificate made at the start, for gateways that do not verify it",
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
    help: "and its PEM key; both are read again when they change",
    read: checked(checkReadable),
    of: both,
  },
  grpcClientCa: {
    flag: "--grpc-client-ca <file>",
    help: "take only clients with a certificate of this PEM authority",
    read: checked(checkReadable),
    of: both,
  },
  admin: {
    flag: "--admin <host:port>",
    help: "where the admin interface is served",
    read: checked(hostPort),
    of: { serve: "127.0.0.1:9090", up: "127.0.0.1:9090", doctor: "127.0.0.1:9090" },
  },
  envoyAdmin: {
    flag: "--envoy-admin <host:port>",
    help: "Envoy's admin interface; with it, the sidecar's readiness includes Envoy",
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
    help: "key that Umbra's own requests to endpoints carry (vLLM: --api-key), for model lists and metrics; in plain text, or over TLS that is not verified, where no BackendTLSPolicy says otherwise; read again when the file changes",
    of: { ...both, doctor: undefined },
  },
  systemCa: {
    flag: "--system-ca <file>",
    help: "PEM authorities of this machine, for endpoints that a BackendTLSPolicy verifies with wellKnownCACertificates: System (default: $SSL_CERT_FILE, else where distributions keep them)",
    of: { serve: undefined, doctor: undefined },
  },
  scrapeInterval: {
    flag: "--scrape-interval <ms>",
    help: "shortest time between two scrapes of an endpoint; it grows where a metrics page is slow or endpoints are many, up to two fifths of --stale-after",
    read: number(10, 60_000),
    of: { serve: 100 },
  },
  staleAfter: {
    flag: "--stale-after <ms>",
    help: "age from which an endpoint's metrics count for nothing",
    read: number(100, 86_400_000),
    of: { serve: 2_000 },
  },
  grace: {
    flag: "--grace <ms>",
    help: "how long running requests may take after SIGTERM",
    read: number(0, 3_600_000),
    of: { serve: 5_000 },
  },
  drain: {
    flag: "--drain <ms>",
    help: "how long after SIGTERM picks are still taken while health and /readyz say no, so that gateways turn elsewhere first",
    read: number(0, 3_600_000),
    of: { serve: 0 },
  },
  concurrency: {
    flag: "--concurrency <threads>",
    help: "Envoy's worker threads",
    read: wholeNumber(1, 256),
    of: { up: 2 },
  },
  statsListener: {
    flag: "--stats-listener <host:port>",
    help: "where Envoy answers GET /stats/prometheus, and nothing else",
    read: checked(hostPort),
    of: { up: undefined, render: undefined },
  },
  samples: {
    flag: "--samples <file>",
    help: "append every measured request to this NDJSON file: numbers and hashes",
    read: checked(checkWritable),
    of: both,
  },
  capture: {
    flag: "--capture <samples=count>",
    help: "keep so many redacted pairs of prompts and answers on disk; without it no text is kept",
    read: captureCount,
    of: both,
  },
  captureDir: {
    flag: "--capture-dir <folder>",
    help: "where they are kept, readable by you alone",
    of: { serve: "umbra-captures", up: "umbra-captures" },
  },
  captureRetention: {
    flag: "--capture-retention <days>",
    help: "how long they are kept",
    read: number(0.01, 30),
    of: { serve: 7, up: 7 },
  },
  adminTokenFile: {
    flag: "--admin-token-file <file>",
    help: "take changing admin calls from anywhere, with this file's token; else from loopback only",
    read: checked(checkReadable),
    of: both,
  },
  compatMetrics: {
    flag: "--compat-metrics",
    help: "metrics also under the reference endpoint picker's names, llm_d_epp_…",
    of: { serve: false, up: false },
  },
  traces: {
    flag: "--traces",
    help: "OpenTelemetry spans of each request; load an SDK with NODE_OPTIONS=--import=FILE",
    of: { serve: false, up: false },
  },
  restart: {
    flag: "--no-restart",
    help: "end when Envoy or the sidecar dies, in place of starting it again",
    of: { up: true },
  },
  accessLog: {
    flag: "--no-access-log",
    help: "leave Envoy's access log out of standard output",
    of: { up: true },
  },
  logLevel: {
    flag: "--log-level <level>",
    help: "what is logged",
    read: ["trace", "debug", "info", "warn", "error", "silent"],
    of: { serve: "info" },
  },
  duration: {
    flag: "--duration <seconds>",
    help: "how long the mixed traffic lasts",
    read: number(1, 3_600),
    of: { demo: 45 },
  },
  same: {
    flag: "--same",
    help: "the candidate is as fast as the primary, instead of slower by 30 %",
    of: { demo: undefined },
  },
  html: {
    flag: "--html <file>",
    help: "where the report's page is written",
    of: { demo: "umbra-demo-report.html" },
  },
};
