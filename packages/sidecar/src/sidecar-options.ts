import type { Topology } from "@umbra/envoy-config";
import type { Logger } from "pino";
import type { AdsAddress } from "./configuration/ads-listener.ts";
import type { RolloutListener } from "./configuration/configuration-rollout.ts";
import type { FollowedKinds } from "./configuration/followed-kinds.ts";
import type { StatusWrites } from "./configuration/status-writes.ts";
import type { PeersOptions } from "./peers/peers.ts";
import type { GatewayOptions } from "./requests/gateway-stream.ts";
import type { CertificateSource } from "./tls/certificates.ts";

export interface SidecarOptions {
  readonly topology: Topology;
  /** Address of the ext_proc server: `host:port` or `unix:/path`; port 0 chooses a free one. */
  readonly grpc: string;
  /** Absent: ext_proc is served in plain text. */
  readonly tls?: CertificateSource;
  /** Where Envoy asks for its configuration, which `Sidecar.apply` gives. Absent: Envoy gets it elsewhere. */
  readonly ads?: AdsAddress;
  /** What Envoys say about the configuration that `Sidecar.apply` has given. */
  readonly onRollout?: RolloutListener;
  /** Kinds of an API server's objects that the configuration comes from. Absent: none. */
  readonly followedKinds?: FollowedKinds;
  /** How writing the statuses of those objects goes. Absent: none is written. */
  readonly statusWrites?: () => StatusWrites;
  /** Address of the admin interface. Keep it on loopback. */
  readonly admin: { readonly host: string; readonly port: number };
  /** Address that serves only /healthz, /readyz and /metrics, for other machines. Absent: only the admin interface does. */
  readonly probes?: { readonly host: string; readonly port: number };
  readonly log: Logger;
  /** Envoy's admin interface, if readiness includes Envoy. */
  readonly envoyAdmin?: string;
  /** Maximum size of a body; larger bodies get 413. From the topology when absent. */
  readonly maxBodyBytes?: number;
  /** Maximum time that the gateway waits for a decision, in ms; the topology's `maxQueueTime` when absent. */
  readonly maxWaitMs?: number;
  /** File with the API key of Umbra's own requests to endpoints, reloaded when it changes; absent: no key. */
  readonly endpointKeyFile?: string;
  /** Folder with the API keys of judge models as NAMESPACE/NAME/KEY, by the namespace of the policy; absent: no judge has a key. */
  readonly judgeKeys?: string;
  /** Minimum time between two scrapes of an endpoint, in ms; 100 when absent. */
  readonly scrapeIntervalMs?: number;
  /** Metrics older than this are stale, in ms; 2,000 when absent. */
  readonly staleAfterMs?: number;
  /** NDJSON file for samples; when absent, samples are only kept in memory. */
  readonly samplesFile?: string;
  /** Time between two interim analyses of the evaluations, in ms; 5,000 when absent. */
  readonly evaluateEveryMs?: number;
  /** Keeps redacted texts of the pairs that differ most, for `retentionMs`. Absent: no text is kept. */
  readonly capture?: {
    readonly folder: string;
    readonly limit: number;
    readonly retentionMs: number;
  };
  /** Protocol options for third-party gateways. */
  readonly gateway?: GatewayOptions;
  /** Number of fallback endpoints to return; absent: from the pool's configuration, else 2, or 0 for third-party gateways. */
  readonly fallbacks?: number;
  /** Also exports metrics under the reference endpoint picker's names, for existing dashboards. */
  readonly compatMetrics?: boolean;
  /** Creates spans for each request with the OpenTelemetry SDK that was loaded at start. */
  readonly traces?: boolean;
  /** Peers of this sidecar, and how they find each other. Absent: there are none. */
  readonly peers?: PeersOptions;
  /** Allows admin calls that change something from any address; without it, only from loopback. */
  readonly adminToken?: string;
}
