import { socketName } from "@umbra/envoy-config";
import { type JsonObject, type ObjectChange, startKubernetes } from "@umbra/kubernetes";
import type { KubeChoice } from "../resources/kube-flags.ts";
import type { PeersService } from "../resources/peers-flags.ts";
import { clientOf } from "./kube-source.ts";

export interface PeerAddressesOptions {
  readonly choice: KubeChoice;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly service: PeersService;
  /** Called with the addresses of all ready peers, `host:port`, when they have changed. */
  readonly onChange: (addresses: readonly string[]) => void;
  readonly onProblem: (words: string) => void;
}

const portName = "peers";

/** Follows the EndpointSlices of a headless Service. Throws CommandError when the kubeconfig can't be used. */
export function followPeers(options: PeerAddressesOptions): { close(): Promise<void> } {
  const { choice, env, service, onChange, onProblem } = options;
  const client = clientOf(choice, env);
  const slices = new Map<string, JsonObject>();
  let isSynced = false;
  let last = "";

  function tell(): void {
    const addresses = addressesIn([...slices.values()]);
    const text = addresses.join(" ");
    if (!isSynced || text === last) return;
    last = text;
    onChange(addresses);
  }

  const source = startKubernetes({
    client,
    kinds: [
      {
        ...{ group: "discovery.k8s.io", version: "v1", plural: "endpointslices" },
        ...{ kind: "EndpointSlice", isNamespaced: true, namespaces: [service.namespace] },
        labelSelector: `kubernetes.io/service-name=${service.name}`,
      },
    ],
    onChange(changes: readonly ObjectChange[]) {
      for (const change of changes) {
        if (change.type === "put") slices.set(nameOf(change.object), change.object);
        else slices.delete(change.id.name);
      }
      tell();
    },
    onSynced() {
      isSynced = true;
      tell();
    },
    onProblem: ({ message }) => onProblem(message),
  });
  return {
    async close() {
      await source.close();
      await client.close();
    },
  };
}

type Json = Readonly<Record<string, unknown>>;

function nameOf({ metadata }: JsonObject): string {
  return String((metadata as Json | undefined)?.name ?? "");
}

/** Addresses of the ready endpoints, in order. A peer that ends is not ready, and needs no share any more. */
export function addressesIn(slices: readonly JsonObject[]): readonly string[] {
  const found = slices.flatMap(({ endpoints, ports }) => {
    const listed = arrayOf(ports);
    const peers =
      listed.find(({ name }) => name === portName) ?? (listed.length === 1 ? listed[0] : undefined);
    const port = peers?.port;
    if (typeof port !== "number") return [];
    return arrayOf(endpoints).flatMap(({ addresses, conditions }) => {
      const { ready = true, terminating = false } = recordOf(conditions);
      const [address] = Array.isArray(addresses) ? (addresses as readonly unknown[]) : [];
      if (ready === false || terminating === true || typeof address !== "string") return [];
      return [socketName({ address, port })];
    });
  });
  return [...new Set(found)].toSorted();
}

function arrayOf(json: unknown): readonly Json[] {
  return Array.isArray(json) ? (json as readonly unknown[]).map(recordOf) : [];
}

function recordOf(json: unknown): Json {
  return typeof json === "object" && json !== null ? (json as Json) : {};
}
