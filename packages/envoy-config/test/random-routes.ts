import fc from "fast-check";
import type { RefListener, RefMatch, RefRequest, RefRoute } from "./reference-matcher.ts";

/** Random listeners, HTTPRoutes and requests with few names and values, so that they match often. */

export interface World {
  readonly listeners: readonly RefListener[];
  readonly routes: readonly RefRoute[];
}

const hostname = fc.constantFrom(
  ...["a.example.com", "b.example.com", "x.a.example.com", "example.com", "other.org"],
  ...["*.example.com", "*.a.example.com", "*.com"],
);
const ports = [8080, 8081];
const gateways = ["g0", "g1"];

const listeners: fc.Arbitrary<readonly RefListener[]> = fc
  .uniqueArray(
    fc.record({
      gateway: fc.constantFrom(...gateways),
      port: fc.constantFrom(...ports),
      hostname: fc.option(hostname, { nil: undefined }),
    }),
    {
      minLength: 1,
      maxLength: 5,
      selector: (each) => `${each.port} ${each.hostname}`,
    },
  )
  .map((all) =>
    all.map(({ gateway, port, hostname: name }, index) => ({
      ...{ gateway, port, name: `l${index}` },
      ...(name === undefined ? {} : { hostname: name }),
    })),
  );

const valueMatches = (names: readonly string[]) =>
  fc.array(
    fc.oneof(
      fc.record({
        type: fc.constant("Exact" as const),
        name: fc.constantFrom(...names),
        value: fc.constantFrom("1", "2"),
      }),
      fc.record({
        type: fc.constant("RegularExpression" as const),
        name: fc.constantFrom(...names),
        value: fc.constantFrom("[12]", "1.*"),
      }),
    ),
    { maxLength: 3 },
  );

const path = fc.oneof(
  fc.record({
    type: fc.constantFrom("Exact" as const, "PathPrefix" as const),
    value: fc.constantFrom("/", "/v1", "/v1/", "/v10", "/v1/chat", "/v1/chat/completions"),
  }),
  fc.record({
    type: fc.constant("RegularExpression" as const),
    value: fc.constantFrom("/v[0-9]+", "/v1/.*", ".*"),
  }),
);

const match: fc.Arbitrary<RefMatch> = fc.record(
  {
    path,
    method: fc.constantFrom("GET", "POST"),
    headers: valueMatches(["x-a", "X-A", "x-b"]),
    queryParams: valueMatches(["a", "A", "b"]),
  },
  { requiredKeys: [] },
);

const route = fc.record(
  {
    namespace: fc.constantFrom("default", "default-2"),
    name: fc.constantFrom("r", "r-1", "s"),
    createdAt: fc.constantFrom(
      ...["2024-01-01T00:00:00Z", "2025-06-01T12:00:00Z", "2025-06-01T13:00:00+02:00"],
    ),
    parents: fc.array(
      fc.record(
        {
          gateway: fc.constantFrom(...gateways),
          sectionName: fc.constantFrom("l0", "l1", "l2"),
        },
        { requiredKeys: ["gateway"] },
      ),
      { minLength: 1, maxLength: 2 },
    ),
    hostnames: fc.uniqueArray(hostname, { maxLength: 3 }),
    rules: fc.array(
      fc.record({
        matches: fc.array(match, { maxLength: 3 }),
        weights: fc.oneof(
          fc.constant([]),
          fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 4 }),
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  },
  { requiredKeys: ["namespace", "name", "parents", "hostnames", "rules"] },
);

export const worlds: fc.Arbitrary<World> = fc.record({
  listeners,
  routes: fc.uniqueArray(route, {
    maxLength: 6,
    selector: ({ namespace, name }) => `${namespace}/${name}`,
  }),
});

export const requests: fc.Arbitrary<RefRequest> = fc.record({
  port: fc.constantFrom(...ports),
  host: fc.constantFrom(
    ...["a.example.com", "A.Example.COM:8080", "b.example.com", "x.a.example.com:80"],
    ...["example.com", "y.x.a.example.com", "c.example.com", "other.org", "x.other.org", "com"],
  ),
  path: fc.constantFrom(
    ...["/", "/v1", "/v1/", "/v10", "/v10/x", "/v1/chat", "/v1/chat/", "/v1/chat/completions"],
    ...["/v1/chatter", "/other"],
  ),
  method: fc.constantFrom("GET", "POST"),
  headers: fc.dictionary(fc.constantFrom("x-a", "x-b"), fc.constantFrom("1", "2", "12")),
  query: fc.array(fc.tuple(fc.constantFrom("a", "A", "b"), fc.constantFrom("1", "2", "12")), {
    maxLength: 3,
  }),
  draw: fc.nat(999_999),
});

const elsewhere = {
  type: "URLRewrite",
  urlRewrite: { path: { type: "ReplaceFullPath", replaceFullPath: "/elsewhere" } },
};

/** Writes the resources of a world as a file. Every rule uses the same Service, with different paths if there are weights. */
export function resourcesText({ listeners: all, routes }: World): string {
  const api = "gateway.networking.k8s.io/v1";
  const byGateway = Map.groupBy(all, ({ gateway }) => gateway);
  const documents = [
    ...[...byGateway].map(([name, own]) => ({
      apiVersion: api,
      kind: "Gateway",
      metadata: { name },
      spec: {
        listeners: own.map(({ name: listener, port, hostname: host }) => ({
          ...{ name: listener, port, protocol: "HTTP", hostname: host },
          allowedRoutes: { namespaces: { from: "All" } },
        })),
      },
    })),
    ...routes.map(({ namespace, name, createdAt, parents, hostnames, rules }) => ({
      apiVersion: api,
      kind: "HTTPRoute",
      metadata: { namespace, name, creationTimestamp: createdAt },
      spec: {
        parentRefs: parents.map(({ gateway, sectionName }) => ({
          ...{ name: gateway, namespace: "default", sectionName },
        })),
        hostnames,
        rules: rules.map(({ matches, weights }) => ({
          matches,
          backendRefs:
            weights.length === 0
              ? [{ name: "svc", port: 80 }]
              : weights.map((weight) => ({ name: "svc", port: 80, weight, filters: [elsewhere] })),
        })),
      },
    })),
    ...["default", "default-2"].map((namespace) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        ...{ namespace, name: "svc" },
        annotations: { "umbra.dev/endpoints": "127.0.0.1:8000" },
      },
      spec: { ports: [{ port: 80 }] },
    })),
  ];
  return documents.map((each) => JSON.stringify(each)).join("\n---\n");
}
