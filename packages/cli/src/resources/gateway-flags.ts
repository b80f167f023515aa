import type { Topology } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import type { GatewayOptions } from "@umbra/sidecar";
import { UsageError } from "../errors.ts";
import { wholeNumber } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";

/** Values of the flags for gateways that Umbra has not rendered. */
export interface GatewayFlags {
  readonly pool?: string;
  readonly fallbacks?: number;
  readonly destinationHeader?: string;
  readonly destinationNamespace?: string;
  readonly subsetNamespace?: string;
  readonly bodyMode?: keyof typeof bodyModes;
  readonly modeOverride?: boolean;
}

/** Of gateways that do not tell theirs. */
const bodyModes = { duplex: "FULL_DUPLEX_STREAMED", buffered: "BUFFERED" } as const;
const of = { serve: undefined };

export const gatewayFlags: FlagTable<GatewayFlags> = {
  pool: {
    flag: "--pool <name>",
    help: "the InferencePool that gateways ask for which Umbra has not rendered; needed where there are several",
    of,
  },
  fallbacks: {
    flag: "--fallbacks <count>",
    help:
      "endpoints named after the picked one, for gateways that walk on; 0 where one is all they take " +
      "(default: as the EndpointPickerConfig says, else 2, and 0 to gateways that Umbra has not rendered)",
    read: wholeNumber(0, 15),
    of,
  },
  destinationHeader: {
    flag: "--destination-header <name>",
    help: "header and metadata key that tell such gateways of the endpoint (default: x-gateway-destination-endpoint)",
    of,
  },
  destinationNamespace: {
    flag: "--destination-namespace <name>",
    help: "metadata namespace that tells them of the endpoint (default: envoy.lb)",
    of,
  },
  subsetNamespace: {
    flag: "--subset-namespace <name>",
    help: "metadata namespace in which they name the endpoints that may be picked (default: envoy.lb.subset_hint)",
    of,
  },
  bodyMode: {
    flag: "--body-mode <mode>",
    help: "how such a gateway sends bodies that does not tell (default: duplex)",
    read: ["duplex", "buffered"],
    of,
  },
  modeOverride: {
    flag: "--mode-override",
    help: "their filter has allow_mode_override: ask for whole bodies, and for no more of answers than the headers",
    of,
  },
};

/** What they say to a sidecar. Throws UsageError. */
export function gatewayOptions(
  flags: GatewayFlags,
  topology: Topology,
): { readonly gateway: GatewayOptions; readonly fallbacks?: number } {
  const { pool, fallbacks, destinationHeader, destinationNamespace, subsetNamespace, bodyMode } =
    flags;
  const { modeOverride } = flags;
  if (destinationHeader !== undefined && !/^[a-z0-9][a-z0-9-]{0,127}$/.test(destinationHeader)) {
    throw new UsageError(
      `--destination-header takes a header's name in lower case, not "${destinationHeader}"`,
    );
  }
  if (destinationHeader !== undefined && isEnvoysOwn.test(destinationHeader)) {
    throw new UsageError(
      `--destination-header can't be "${destinationHeader}": gateways keep that header to themselves; take a name of your own, or leave the option out`,
    );
  }
  const gateway = defined({
    pool: pool === undefined ? undefined : poolNamed(pool, topology),
    destination: destinationHeader,
    namespace: destinationNamespace,
    subsetNamespace,
    mayOverrideMode: modeOverride,
    defaultBodyMode: bodyMode === undefined ? undefined : bodyModes[bodyMode],
  });
  return { gateway, ...defined({ fallbacks }) };
}

/** Envoy lets no filter change these, or needs them as they are. */
const isEnvoysOwn = /^(?:host|content-length|transfer-encoding|connection|x-envoy-.*)$/;

/** By `namespace/name`, or by the name alone where it stands once. */
function poolNamed(name: string, { pools }: Topology): string {
  const found = pools.filter((pool) => pool.name === name || pool.resourceName === name);
  const [pool, ...more] = found;
  const known = pools.map((each) => each.name).join(", ");
  if (pool === undefined) {
    throw new UsageError(`--pool names "${name}", which is no pool of the files: ${known}`);
  }
  if (more.length > 0) {
    const names = found.map((each) => each.name).join(", ");
    throw new UsageError(`--pool names "${name}", which is several pools: ${names}`);
  }
  if (pool.picker === "none") {
    throw new UsageError(
      `--pool names "${name}", which is not picked in: umbra.dev/picker is none`,
    );
  }
  return pool.name;
}
