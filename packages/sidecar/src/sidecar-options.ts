import type { Topology } from "@umbra/envoy-config";
import type { Logger } from "pino";
import type { GatewayOptions } from "./requests/gateway-stream.ts";
import type { CertificateSource } from "./tls/certificates.ts";

export interface SidecarOptions {
  readonly topology: Topology;
  /** Where ext_proc is served: `host:port` or `unix:/path`; port 0 takes a free one. */
  readonly grpc: string;
  /** Absent: ext_proc is served in plaintext. */
  readonly tls?: CertificateSource;
  /** Where the admin interface is served. Keep it on loopback. */
  readonly admin: { readonly host: string; readonly port: number };
  readonly log: Logger;
  /** Envoy's admin interface, when readiness includes Envoy. */
  readonly envoyAdmin?: string;
  /** What the topology says when absent. Larger bodies are answered 413. */
  readonly maxBodyBytes?: number;
  /** How long the gateway waits for a decision at most, in ms; as the topology's `maxQueueTime` says when absent. */
  readonly maxWaitMs?: number;
  /** File with the key that Umbra's own requests to endpoints carry, read again when it changes; absent: none is sent. */
  readonly endpointKeyFile?: string;
  /** Shortest time between two scrapes of an endpoint, in ms; 100 when absent. */
  readonly scrapeIntervalMs?: number;
  /** Age from which metrics count as stale, in ms; 2,000 when absent. */
  readonly staleAfterMs?: number;
  /** NDJSON that samples are appended to; kept in memory only when absent. */
  readonly samplesFile?: string;
  /** Time between two looks at the evaluations, in ms; 5,000 when absent. */
  readonly lookEveryMs?: number;
  /** Keeps redacted texts of the pairs that differ most, for `retentionMs`. Absent: no text is kept anywhere. */
  readonly capture?: {
    readonly folder: string;
    readonly limit: number;
    readonly retentionMs: number;
  };
  /** How gateways are spoken to that Umbra has not rendered. */
  readonly gateway?: GatewayOptions;
  /** Endpoints named after the picked one; absent: as a pool's configuration says, else 2, and none to a gateway that Umbra has not rendered. */
  readonly fallbacks?: number;
  /** Metrics also under the names of the reference endpoint picker, for dashboards that know those. */
  readonly compatMetrics?: boolean;
  /** Spans of each request, by the OpenTelemetry SDK that the process was started with. */
  readonly traces?: boolean;
  /** Lets changing admin calls come from anywhere; without it, from loopback only. */
  readonly adminToken?: string;
}
