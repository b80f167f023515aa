import { create } from "@bufbuild/protobuf";
import {
  Client,
  type ClientDuplexStream,
  credentials,
  type MethodDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import { type Kind, kinds, typeUrlOf } from "@umbra/xds";
import {
  AggregatedDiscoveryService,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from "@umbra/xds/internal";
import { methodDefinition } from "../../packages/grpc/test/method-definition.ts";

const methods = AggregatedDiscoveryService.method;

export interface AdsClient {
  /** Resolves once it has routes; rejects if its stream ends before. */
  readonly hasRoutes: Promise<void>;
  /** Bytes of resources received. */
  readonly bytes: () => number;
  close(): void;
}

/** A client that asks as Envoy does (clusters, their endpoints, listeners, routes), and accepts everything. */
export function connectAds(
  address: string,
  { node, form }: { readonly node: string; readonly form: "full" | "delta" },
): AdsClient {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": 64 * 1024 * 1024,
    // A connection of its own, as each Envoy has.
    "grpc.use_local_subchannel_pool": 1,
  });
  const stream = (form === "full" ? openFull : openDelta)(client);
  let bytes = 0;
  const hasRoutes = new Promise<void>((resolve, reject) => {
    stream.onError(reject);
    stream.onAnswer(({ kind, values, accept }) => {
      bytes += values.reduce((sum, each) => sum + each.length, 0);
      accept();
      if (kind === "cds") stream.ask("eds", values.map(nameOf).filter(isPool));
      if (kind === "eds") stream.ask("lds", []);
      if (kind === "lds") stream.ask("rds", values.map(nameOf));
      if (kind === "rds" && values.length > 0) resolve();
    });
  });
  stream.ask("cds", [], node);
  return { hasRoutes, bytes: () => bytes, close: () => client.close() };
}

interface ReadAnswer {
  readonly kind: Kind;
  readonly values: readonly Uint8Array[];
  readonly accept: () => void;
}

interface AskingStream {
  ask(kind: Kind, names: readonly string[], node?: string): void;
  onAnswer(take: (answer: ReadAnswer) => void): void;
  onError(take: (cause: ServiceError) => void): void;
}

function openFull(client: Client): AskingStream {
  const stream = open(client, methodDefinition(methods.streamAggregatedResources));
  const named = new Map<Kind, readonly string[]>();
  const nodeOf = (id: string | undefined) => (id === undefined ? {} : { node: { id } });
  return {
    ask(kind, names, node) {
      named.set(kind, names);
      const typeUrl = typeUrlOf(kind);
      const message = { typeUrl, resourceNames: [...names], ...nodeOf(node) };
      stream.write(create(DiscoveryRequestSchema, message));
    },
    onAnswer(take) {
      stream.on("data", ({ typeUrl, nonce, versionInfo, resources }: DiscoveryResponse) => {
        const kind = kindOf(typeUrl);
        const resourceNames = [...(named.get(kind) ?? [])];
        const reply = { typeUrl, responseNonce: nonce, versionInfo, resourceNames };
        const accept = () => void stream.write(create(DiscoveryRequestSchema, reply));
        take({ kind, values: resources.map(({ value }) => value), accept });
      });
    },
    onError: (take) => void stream.on("error", take),
  };
}

function openDelta(client: Client): AskingStream {
  const stream = open(client, methodDefinition(methods.deltaAggregatedResources));
  return {
    ask(kind, names, node) {
      const message = {
        ...{ typeUrl: typeUrlOf(kind), resourceNamesSubscribe: [...names] },
        ...(node === undefined ? {} : { node: { id: node } }),
      };
      stream.write(create(DeltaDiscoveryRequestSchema, message));
    },
    onAnswer(take) {
      stream.on("data", ({ typeUrl, nonce, resources }: DeltaDiscoveryResponse) => {
        const reply = { typeUrl, responseNonce: nonce };
        take({
          kind: kindOf(typeUrl),
          values: resources.map(({ resource }) => resource?.value ?? new Uint8Array()),
          accept: () => void stream.write(create(DeltaDiscoveryRequestSchema, reply)),
        });
      });
    },
    onError: (take) => void stream.on("error", take),
  };
}

function open<I, O>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<I, O>,
): ClientDuplexStream<I, O> {
  return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
}

function kindOf(typeUrl: string): Kind {
  const kind = kinds.find((each) => typeUrlOf(each) === typeUrl);
  if (kind === undefined) throw new Error(`${typeUrl} is no type of ours`);
  return kind;
}

/** Field 1 of a cluster, which comes first. */
function nameOf(cluster: Uint8Array): string {
  const length = cluster[1] ?? 0;
  return Buffer.from(cluster.subarray(2, 2 + length)).toString();
}

function isPool(cluster: string): boolean {
  return cluster.startsWith("primary/");
}
