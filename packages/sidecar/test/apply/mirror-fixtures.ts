import { directTopology, type Mirror, type MirrorPolicy, type Topology } from "@umbra/envoy-config";
import type { RequestView } from "@umbra/sidecar/internal";

const direct = directTopology({ primary: ["10.0.0.1:80"], shadow: ["10.0.0.2:80"], port: 8080 });
const [directMirror] = direct.mirrors;

/** Changes of the direct topology's mirror. `policy`: its name; null: no policy. */
export interface MirrorChange
  extends Partial<
    Pick<Mirror, "name" | "pool" | "perMillion" | "role" | "percentOfMirrored" | "evaluation">
  > {
  readonly route?: string;
  readonly policy?: string | null;
  readonly policyMore?: Partial<MirrorPolicy>;
}

function mirrorOf({ route = "direct", policy, policyMore, ...more }: MirrorChange): Mirror {
  if (directMirror?.policy === undefined) throw new Error("the direct topology has a policy");
  const { policy: given, ...mirror } = directMirror;
  return {
    ...mirror,
    origin: { ...mirror.origin, route: { namespace: "default", name: route } },
    ...more,
    ...(policy === null
      ? {}
      : { policy: { ...given, ...policyMore, name: policy ?? "default/p" } }),
  };
}

/** The direct topology with other mirrors. */
export function topologyWith(...mirrors: readonly MirrorChange[]): Topology {
  return { ...direct, mirrors: mirrors.map(mirrorOf) };
}

export function view(requestId: string): RequestView {
  return {
    ...{ requestId, method: "POST", path: "/v1/chat/completions" },
    ...{ clientPath: "/v1/chat/completions", model: "m", priority: "Standard" as const },
    ...{ headers: new Map(), body: new Uint8Array(), fields: new Map() },
  };
}
