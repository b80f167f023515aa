import { supportedFeatures } from "@umbra/envoy-config";
import type { ApiClient } from "@umbra/kubernetes";

export const gatewayClass = "umbra";

/** A conformance suite, and what it needs. */
export interface TestedSuite {
  /** Its binary. */
  readonly program: string;
  /** Of the suite's ConformanceOptions. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Of `umbra serve`. */
  readonly flags: readonly string[];
  /** What must be in the cluster in addition to the GatewayClass. */
  readonly prepare: (client: ApiClient) => Promise<void>;
}

export type SuiteName = "gateway-api" | "inference-extension";

const common = {
  gatewayClassName: gatewayClass,
  // The objects go with the API server.
  cleanupBaseResources: false,
  disableParallelTests: true,
};

export const testedSuites: Readonly<Record<SuiteName, TestedSuite>> = {
  "gateway-api": {
    program: "gateway-api.test",
    options: {
      ...common,
      conformanceProfiles: ["GATEWAY-HTTP"],
      timeoutConfig: { testIsolation: "0s" },
      usableNetworkAddresses: [{ type: "IPAddress", value: "10.244.200.200" }],
      // TEST-NET-1: no machine has it.
      unusableNetworkAddresses: [{ type: "IPAddress", value: "192.0.2.1" }],
    },
    flags: [],
    prepare: async () => undefined,
  },
  "inference-extension": {
    program: "inference-extension.test",
    options: common,
    // No pool names this Service: each is picked by the one that it names.
    flags: ["--picker-service", "umbra-system/umbra:9002"],
    prepare: createGatewayPod,
  },
};

/** The suite reads the features from the GatewayClass, but not for a single test. */
export function singleTest(suite: SuiteName, test: string): Readonly<Record<string, unknown>> {
  return { runTest: test, ...(suite === "gateway-api" ? { supportedFeatures } : {}) };
}

/** The suite waits for a pod in the Gateways' namespace: in a cluster, that of the gateway. Here it runs on the node. */
async function createGatewayPod(client: ApiClient): Promise<void> {
  const namespace = "inference-conformance-infra";
  await client.request({
    ...{ method: "POST", path: "/api/v1/namespaces" },
    body: { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
  });
  await client.request({
    ...{ method: "POST", path: `/api/v1/namespaces/${namespace}/pods` },
    body: {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "umbra", namespace } },
      spec: {
        ...{ nodeName: "stand-in", hostNetwork: true },
        containers: [{ name: "umbra", image: "umbra" }],
      },
    },
  });
}
