import { describe, expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";
import { parse } from "yaml";

const resources = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /mirrored}}]
      filters: [{type: RequestMirror, requestMirror: {backendRef: {group: inference.networking.k8s.io, kind: InferencePool, name: llama}}}]
      backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llama}]
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llama}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {targetPorts: [{number: 8000}], endpointPickerRef: {name: umbra, port: {number: 9002}}}
`;

interface RetryPolicy {
  readonly num_retries: number;
  readonly retry_host_predicate?: unknown;
}
interface Filter {
  readonly name: string;
  readonly typed_config: {
    readonly grpc_service: {
      readonly initial_metadata?: unknown;
      readonly retry_policy?: RetryPolicy;
    };
  };
}
interface Metadatum {
  readonly key: string;
  readonly value: string;
}
interface RenderedRoute {
  readonly name: string;
  readonly typed_per_filter_config: Readonly<
    Record<string, { readonly overrides: { readonly grpc_initial_metadata: readonly Metadatum[] } }>
  >;
}

/** Filters and routes of the primary listener and of the shadow lane. */
function rendered(sidecar = "127.0.0.1:9002") {
  const { topology } = readTopology([{ name: "example.yaml", text: resources }]);
  const { listeners } = parse(renderBootstrap(topology, { sidecar })).static_resources;
  const managers = listeners.map(
    (listener: { filter_chains: { filters: { typed_config: unknown }[] }[] }) =>
      listener.filter_chains[0]?.filters[0]?.typed_config,
  ) as readonly {
    http_filters: readonly Filter[];
    route_config: { virtual_hosts: readonly { routes: readonly RenderedRoute[] }[] };
  }[];
  return {
    filters: managers.flatMap(({ http_filters }) => http_filters),
    routes: managers.flatMap(({ route_config }) =>
      route_config.virtual_hosts.flatMap(({ routes }) => routes),
    ),
  };
}

describe("what Envoy merges and hashes for each pick", () => {
  const callers = (sidecar?: string) =>
    rendered(sidecar).filters.filter(({ name }) => ["umbra.pick", "umbra.observe"].includes(name));

  test("the filters have no metadata of their own", () => {
    const found = callers().map(({ name, typed_config: { grpc_service } }) => [
      name,
      grpc_service.initial_metadata,
    ]);
    expect(found).toEqual([
      ["umbra.pick", undefined],
      ["umbra.observe", undefined],
      ["umbra.pick", undefined],
      ["umbra.observe", undefined],
    ]);
  });

  test("a route has the metadata that it needs, and mirrors only if it has some", () => {
    const metadata = rendered().routes.map(({ name, typed_per_filter_config: filters }) => [
      name,
      filters["umbra.pick"]?.overrides.grpc_initial_metadata.map(({ key }) => key),
    ]);
    expect(metadata).toEqual([
      [
        "default/chat/0/0",
        ["x-umbra-lane", "x-umbra-pool", "x-umbra-mirrors", "x-umbra-underscores"],
      ],
      ["default/chat/1/0", ["x-umbra-lane", "x-umbra-pool", "x-umbra-underscores"]],
      ["default/chat/0/mirror/0", ["x-umbra-lane", "x-umbra-pool", "x-umbra-mirrors"]],
    ]);
  });

  test.each([
    { sidecar: "127.0.0.1:9002", hasPredicate: false },
    { sidecar: "[::1]:9002", hasPredicate: false },
    { sidecar: "unix:/run/umbra.sock", hasPredicate: false },
    { sidecar: "umbra.svc:9002", hasPredicate: true },
  ])("a pick is retried on another sidecar if $sidecar may be several", (each) => {
    const policies = callers(each.sidecar).flatMap(
      ({ typed_config: { grpc_service } }): readonly RetryPolicy[] =>
        grpc_service.retry_policy === undefined ? [] : [grpc_service.retry_policy],
    );
    expect(policies.map((policy) => "retry_host_predicate" in policy)).toEqual([
      each.hasPredicate,
      each.hasPredicate,
    ]);
    expect(policies.map((policy) => policy.num_retries)).toEqual([3, 3]);
  });
});
