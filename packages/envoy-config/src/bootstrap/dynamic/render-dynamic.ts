import type { Topology } from "../../topology.ts";
import { type AdsProtocol, adsCluster, dynamicResources } from "../ads.ts";
import { changeBootstrap } from "../change/change-bootstrap.ts";
import { secrets } from "../downstream-tls.ts";
import type { EnvoyObject } from "../envoy-object.ts";
import { primaryClusterName, shadowClusterName } from "../names.ts";
import type { BootstrapOptions } from "../options.ts";
import { type PlainMap, plainOf } from "../plain.ts";
import { bootstrap, headed, internalListeners, optionsOf, processPart } from "../render.ts";
import { yamlText } from "../yaml-text.ts";
import { type DynamicResources, splitResources } from "./split.ts";

export interface AdsOptions {
  /** Where the sidecar serves ADS: `unix:/path`, or `host:port` with `sidecarTls`, as SDS hands out private keys. */
  readonly address: string;
  /** State of the world when absent. */
  readonly protocol?: AdsProtocol;
}

/**
 * Renders the small bootstrap that points Envoy at the sidecar for everything else. It depends on no resource but EnvoySettings.
 *
 * @throws RangeError for `host:port` without `sidecarTls`.
 */
export function renderAdsBootstrap(
  topology: Topology,
  { address, protocol = "GRPC" }: AdsOptions,
  options: Partial<BootstrapOptions> = {},
): string {
  const all = optionsOf(topology, options);
  const message: EnvoyObject = {
    ...processPart(all),
    // A lane may come later, and Envoy takes internal listeners only if it was started with the extension.
    ...internalListeners,
    dynamic_resources: dynamicResources(protocol),
    static_resources: { clusters: [adsCluster(address, all.sidecarTls)] },
  };
  return headed("renderAdsBootstrap", yamlText(plainOf(message)));
}

/**
 * The resources of a topology, for an Envoy that runs with `renderAdsBootstrap`. Together with it they mean the same as
 * `renderBootstrap`. An EnvoyProxy's changes apply to clusters and listeners; the rest of a bootstrap can't change while
 * Envoy runs.
 */
export function renderResources(
  topology: Topology,
  options: Partial<BootstrapOptions> = {},
): DynamicResources {
  const all = { ...optionsOf(topology, options), isDynamic: true };
  const rendered = plainOf(bootstrap(topology, all));
  const { bootstrap: changed } = changeBootstrap(rendered, topology.envoy.bootstrap);
  const { clusters = [], listeners = [] } = (changed as Changed).static_resources ?? {};
  const certificates = [...secrets(topology.listeners, all)];
  return {
    ...splitResources(clusters, listeners, poolClustersOf(topology)),
    sds: new Map(certificates.map(([name, secret]) => [name, plainOf(secret)])),
  };
}

function poolClustersOf(topology: Topology): ReadonlySet<string> {
  return new Set([
    ...topology.pools.map(({ name }) => primaryClusterName(name)),
    ...topology.mirrors.map(({ name }) => shadowClusterName(name)),
  ]);
}

/** An EnvoyProxy may have taken parts away. */
interface Changed {
  readonly static_resources?: {
    readonly clusters?: readonly PlainMap[];
    readonly listeners?: readonly PlainMap[];
  };
}
