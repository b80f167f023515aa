import { directTopology, type Pool, type Topology } from "@umbra/envoy-config";

const direct = directTopology({ primary: ["127.0.0.1:9"], shadow: [], port: 80 });
const [template] = direct.pools as [Pool];

/** A pool in which Umbra picks. */
export function pool(name: string, endpoints: readonly string[], more: Partial<Pool> = {}): Pool {
  return { ...template, name, resourceName: name, namespace: "ns", endpoints, ...more };
}

export function topologyOf(...pools: readonly Pool[]): Topology {
  return { ...direct, pools };
}

/** Configures a queue in which at most `maxRequests` requests wait for `ttl`. */
export function queueing({
  maxRequests = 10,
  ttl = "60s",
}: {
  readonly maxRequests?: number;
  readonly ttl?: string;
} = {}): Pool["pickerConfig"] {
  return {
    apiVersion: "inference.networking.x-k8s.io/v1alpha1",
    kind: "EndpointPickerConfig",
    featureGates: ["flowControl"],
    flowControl: { maxRequests, defaultRequestTTL: ttl },
  };
}
