import type { Topology } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import type { GatewayOptions } from "@umbra/sidecar";
import { UsageError } from "../errors.ts";
import { wholeNumber } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";

/** Values of the flags for third-party gateways. */
export interface GatewayFlags {
  readonly pool?: string;
  readonly fallbacks?: number;
  readonly destinationHeader?: string;
  readonly destinationNamespace?: string;
  readonly subsetNamespace?: string;
  readonly bodyMode?: keyof typeof bodyModes;
  readonly modeOverride?: boolean;
}

/** Body modes of gateways that don't announce theirs. */
const bodyModes = { duplex: "FULL_DUPLEX_STREAMED", buffered: "BUFFERED" } as const;
const of = { serve: undefined };

export const gatewayFlags: FlagTable<GatewayFlags> = {
  pool: {
    flag: "--pool <name>",
    help: "InferencePool to serve to third-party gateways; required if there are several; with --kube, it may be created later",
    of,
  },
  fallbacks: {
    flag: "--fallbacks <count>",
    help:
      "number of fallback endpoints to return (0 if the gateway accepts only one) " +
      "(default: from the EndpointPickerConfig, else 2, or 0 for third-party gateways)",
    read: wholeNumber(0, 15),
    of,
  },
  destinationHeader: {
    flag: "--destination-header <name>",
    help: "header and metadata key in which third-party gateways get the endpoint (default: x-gateway-destination-endpoint)",
    of,
  },
  destinationNamespace: {
    flag: "--destination-namespace <name>",
    help: "metadata namespace in which third-party gateways get the endpoint (default: envoy.lb)",
    of,
  },
  subsetNamespace: {
    flag: "--subset-namespace <name>",
    help: "metadata namespace in which third-party gateways list the endpoints to choose from (default: envoy.lb.subset_hint)",
    of,
  },
  bodyMode: {
    flag: "--body-mode <mode>",
    help: "body mode of third-party gateways that don't announce it (default: duplex)",
    read: ["duplex", "buffered"],
    of,
  },
  modeOverride: {
    flag: "--mode-override",
    help: "request whole request bodies and response headers only; needs allow_mode_override in the third-party gateway's filter",
    of,
  },
};

/** Where the pool of `--pool` is looked for. */
export interface KnownPools {
  readonly pools: Topology["pools"];
  /** Namespaces of an API server that are followed: a pool may come later. Absent: what is not there never comes. */
  readonly followed?: readonly string[] | "all" | undefined;
}

/** Converts the flags to sidecar options. Throws UsageError. */
export function gatewayOptions(
  flags: GatewayFlags,
  known: KnownPools,
): { readonly gateway: GatewayOptions; readonly fallbacks?: number } {
  const { pool, fallbacks, destinationHeader, destinationNamespace, subsetNamespace, bodyMode } =
    flags;
  const { modeOverride } = flags;
  if (destinationHeader !== undefined && !/^[a-z0-9][a-z0-9-]{0,127}$/.test(destinationHeader)) {
    throw new UsageError(
      `--destination-header expects a lower-case header name, got "${destinationHeader}"`,
    );
  }
  if (destinationHeader !== undefined && isEnvoysOwn.test(destinationHeader)) {
    throw new UsageError(
      `--destination-header can't be "${destinationHeader}": gateways reserve that header; choose another name or omit the flag`,
    );
  }
  const gateway = defined({
    pool: pool === undefined ? undefined : poolNamed(pool, known),
    destination: destinationHeader,
    namespace: destinationNamespace,
    subsetNamespace,
    mayOverrideMode: modeOverride,
    defaultBodyMode: bodyMode === undefined ? undefined : bodyModes[bodyMode],
  });
  return { gateway, ...defined({ fallbacks }) };
}

/** Headers that Envoy lets no filter change, or that it needs unchanged. */
const isEnvoysOwn = /^(?:host|content-length|transfer-encoding|connection|x-envoy-.*)$/;

/** Finds a pool by `namespace/name`, or by name if it is unique. One that may come later is named in full. */
function poolNamed(name: string, { pools, followed }: KnownPools): string {
  const found = pools.filter((pool) => pool.name === name || pool.resourceName === name);
  const [pool, ...more] = found;
  if (pool === undefined) {
    if (followed !== undefined) return nameOfLater(name, followed);
    const known = pools.map((each) => each.name).join(", ");
    throw new UsageError(`--pool: there is no pool "${name}"; choose one of ${known}`);
  }
  if (more.length > 0) {
    const names = found.map((each) => each.name).join(", ");
    throw new UsageError(`--pool: "${name}" matches several pools: ${names}`);
  }
  if (pool.picker === "none") {
    throw new UsageError(
      `--pool: Umbra does not pick in "${name}", because of its annotation umbra.dev/picker: none`,
    );
  }
  return pool.name;
}

/** The name that a pool of an API server will have. */
function nameOfLater(name: string, followed: readonly string[] | "all"): string {
  const [namespace, resource, ...more] = name.split("/");
  if (resource === undefined) {
    const [only, ...others] = followed === "all" ? [] : followed;
    if (only !== undefined && others.length === 0) return `${only}/${name}`;
    throw new UsageError(
      `--pool: there is no pool "${name}" yet: give its namespace too, as NAMESPACE/NAME`,
    );
  }
  if (namespace === "" || resource === "" || more.length > 0) {
    throw new UsageError(`--pool expects NAME or NAMESPACE/NAME, got "${name.slice(0, 100)}"`);
  }
  if (followed !== "all" && !followed.includes(namespace ?? "")) {
    throw new UsageError(
      `--pool: the namespace of "${name}" is not followed: add --namespace ${namespace}`,
    );
  }
  return name;
}
