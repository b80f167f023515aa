import { type ApiClient, isKubernetesError } from "@umbra/kubernetes";
import type { InstallChoice } from "./manifests.ts";

interface Definitions {
  readonly group: string;
  readonly version: string;
  readonly plurals: readonly string[];
  /** Where they come from. */
  readonly from: string;
}

const pools: Definitions = {
  ...{ group: "inference.networking.k8s.io", version: "v1", plurals: ["inferencepools"] },
  from: "manifests.yaml of a release of the Gateway API Inference Extension",
};
const gateways: Definitions = {
  ...{ group: "gateway.networking.k8s.io", version: "v1" },
  plurals: ["gatewayclasses", "gateways", "httproutes"],
  from: "standard-install.yaml of a release of the Gateway API",
};

/** Kinds of other projects that Umbra serves and the cluster does not have: a sentence for each project. */
export async function missingDefinitions(
  client: ApiClient,
  mode: InstallChoice["mode"],
): Promise<readonly string[]> {
  const found = await Promise.all(
    (mode === "gateway" ? [gateways, pools] : [pools]).map(async (needed) => {
      const there = await pluralsOf(client, needed);
      const missing = needed.plurals.filter((each) => !there.has(each));
      if (missing.length === 0) return [];
      return `the cluster has no definitions of ${missing.join(", ")} (${needed.group}/${needed.version}): apply ${needed.from} first`;
    }),
  );
  return found.flat();
}

async function pluralsOf(
  client: ApiClient,
  { group, version }: Definitions,
): Promise<ReadonlySet<string>> {
  try {
    const path = `/apis/${group}/${version}`;
    const { resources } = await client.request({ method: "GET", path });
    const listed = (resources ?? []) as unknown as readonly { readonly name?: string }[];
    return new Set(listed.flatMap(({ name }) => name ?? []));
  } catch (cause) {
    if (isKubernetesError(cause) && cause.status === 404) return new Set();
    throw cause;
  }
}
