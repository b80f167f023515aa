import { describe, expect, test } from "@jest/globals";
import {
  createResourceStore,
  type JsonObject,
  type LiveFacts,
  mergeStatus,
  statusesOf,
  supportedFeatures,
} from "@umbra/envoy-config";
import { parse } from "yaml";

const gatewayApi = "apiVersion: gateway.networking.k8s.io/v1";
const json = (text: string) => parse(text) as JsonObject;

/** A Gateway that is served with a route: what must not suffer. */
const good = [
  `{${gatewayApi}, kind: GatewayClass, metadata: {name: umbra, generation: 1}, spec: {controllerName: umbra.dev/gateway}}`,
  `{${gatewayApi}, kind: GatewayClass, metadata: {name: theirs, generation: 1}, spec: {controllerName: example.com/other}}`,
  `{${gatewayApi}, kind: Gateway, metadata: {name: gw, namespace: a, generation: 1}, spec: {gatewayClassName: umbra, listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}}`,
  `{${gatewayApi}, kind: Gateway, metadata: {name: other, namespace: a, generation: 1}, spec: {gatewayClassName: theirs, listeners: [{name: http, port: 80, protocol: HTTP}]}}`,
  `{apiVersion: v1, kind: Service, metadata: {name: echo, namespace: a}, spec: {selector: {app: echo}, ports: [{port: 80}]}}`,
  `{${gatewayApi}, kind: HTTPRoute, metadata: {name: good, namespace: a, generation: 1}, spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: echo, port: 80}]}]}}`,
].map(json);

const route = (name: string, fields: string) =>
  json(
    `{${gatewayApi}, kind: HTTPRoute, metadata: {name: ${name}, namespace: a, generation: 1}, spec: {${fields}}}`,
  );
const gateway = (name: string, fields: string) =>
  json(
    `{${gatewayApi}, kind: Gateway, metadata: {name: ${name}, namespace: a, generation: 1}, spec: {${fields}}}`,
  );
const toEcho = "backendRefs: [{name: echo, port: 80}]";
const listeners = (count: number, of: (at: number) => string) =>
  `gatewayClassName: umbra, listeners: [${Array.from({ length: count }, (_, at) => of(at)).join(", ")}]`;
const accepted = "Accepted=True Accepted";
const resolved = "ResolvedRefs=True ResolvedRefs";
const longName = `${"n".repeat(252)}x`;

interface Row {
  readonly name: string;
  readonly object: JsonObject;
  /** `TYPE=STATUS REASON` of the conditions that it gets, of all its entries and listeners; [] where it is not Umbra's. */
  readonly want: readonly string[];
}

const withMetadata = (object: JsonObject, more: JsonObject): JsonObject => ({
  ...object,
  metadata: { ...(object.metadata as JsonObject), ...more },
});
const plain = route("bad", `parentRefs: [{name: gw}], rules: [{${toEcho}}]`);

const rows: readonly Row[] = [
  {
    name: "a Gateway of a class that there is not",
    object: gateway(
      "bad",
      "gatewayClassName: nothing, listeners: [{name: http, port: 80, protocol: HTTP}]",
    ),
    want: [],
  },
  {
    name: "a route to another controller's Gateway",
    object: route("bad", `parentRefs: [{name: other}], rules: [{${toEcho}}]`),
    want: [],
  },
  {
    name: "a route to a Gateway that there is not",
    object: route("bad", `parentRefs: [{name: nothing}], rules: [{${toEcho}}]`),
    want: [],
  },
  {
    name: "a route to another controller's Gateway and to Umbra's",
    object: route("bad", `parentRefs: [{name: other}, {name: gw}], rules: [{${toEcho}}]`),
    want: [accepted, resolved],
  },
  {
    name: "a route to a listener that there is not",
    object: route("bad", `parentRefs: [{name: gw, sectionName: nothing}], rules: [{${toEcho}}]`),
    want: ["Accepted=False NoMatchingParent", resolved],
  },
  {
    name: "a route to a Service that there is not",
    object: route(
      "bad",
      "parentRefs: [{name: gw}], rules: [{backendRefs: [{name: nothing, port: 80}]}]",
    ),
    want: [accepted, "ResolvedRefs=False BackendNotFound"],
  },
  {
    name: "a route whose only path can't match",
    object: route(
      "bad",
      `parentRefs: [{name: gw}], rules: [{matches: [{path: {type: Exact, value: no-slash}}], ${toEcho}}]`,
    ),
    want: ["Accepted=False UnsupportedValue", resolved],
  },
  {
    name: "a route with a good rule and one whose path can't match",
    object: route(
      "bad",
      `parentRefs: [{name: gw}], rules: [{${toEcho}}, {matches: [{path: {type: Exact, value: no-slash}}], ${toEcho}}]`,
    ),
    want: [accepted, resolved, "PartiallyInvalid=True UnsupportedValue"],
  },
  {
    name: "a route with the same parentRef 32 times",
    object: route(
      "bad",
      `parentRefs: [${"{name: gw}, ".repeat(31)}{name: gw}], rules: [{${toEcho}}]`,
    ),
    want: Array.from({ length: 32 }, () => [accepted, resolved]).flat(),
  },
  {
    name: "a Gateway with 64 listeners",
    object: gateway(
      "bad",
      listeners(64, (at) => `{name: l${at}, port: ${8_000 + at}, protocol: HTTP}`),
    ),
    want: [
      accepted,
      "Programmed=Unknown Pending",
      ...Array.from({ length: 64 }, () => [
        accepted,
        "Programmed=Unknown Pending",
        resolved,
        "Conflicted=False NoConflicts",
      ]).flat(),
    ],
  },
  {
    name: "a Gateway with unknown protocols only",
    object: gateway(
      "bad",
      listeners(1, () => "{name: u, port: 53, protocol: UDP}"),
    ),
    want: [
      "Accepted=False ListenersNotValid",
      "Programmed=False Invalid",
      "Accepted=False UnsupportedProtocol",
      "Programmed=False Invalid",
      resolved,
      "Conflicted=False NoConflicts",
    ],
  },
  {
    name: "a route with 16 rules of 64 matches",
    object: route(
      "bad",
      `parentRefs: [{name: gw}], rules: [${Array.from({ length: 16 }, (_, rule) => `{matches: [${Array.from({ length: 64 }, (_, at) => `{path: {value: /r${rule}/${at}}}`).join(", ")}], ${toEcho}}`).join(", ")}]`,
    ),
    want: [accepted, resolved],
  },
  {
    name: "a route with annotations of 1 MB",
    object: withMetadata(plain, { annotations: { "example.com/text": "x".repeat(1_048_576) } }),
    want: [accepted, resolved],
  },
  {
    name: "a route with a name of 253 characters",
    object: withMetadata(plain, { name: longName }),
    want: [accepted, resolved],
  },
  {
    name: "a route with a label __proto__",
    object: withMetadata(plain, {
      labels: JSON.parse('{"__proto__": "yes"}') as JsonObject,
    }),
    want: ["Accepted=False UnsupportedValue", resolved],
  },
  {
    name: "a pool that is called as an Object's function, with a label __proto__ in its selector",
    object: {
      ...json("{apiVersion: inference.networking.k8s.io/v1, kind: InferencePool}"),
      metadata: { name: "constructor", namespace: "a", generation: 1 },
      spec: {
        selector: { matchLabels: JSON.parse('{"__proto__": "x"}') as JsonObject },
        targetPorts: [{ number: 8_000 }],
        endpointPickerRef: { name: "umbra", port: { number: 9_002 } },
      },
    },
    want: [],
  },
  {
    name: "a ShadowPolicy for a route that there is not",
    object: json(
      "{apiVersion: umbra.dev/v1alpha1, kind: ShadowPolicy, metadata: {name: bad, namespace: a, generation: 1}, spec: {targetRefs: [{name: nothing}]}}",
    ),
    want: ["Accepted=False TargetNotFound"],
  },
];

const live: LiveFacts = {
  listeners: new Map(),
  refusedRoutes: new Map(),
  verdicts: new Map(),
  apiVersion: "v1.6.3",
};

interface Shown {
  readonly conditions?: readonly Readonly<Record<string, string>>[];
  readonly parents?: readonly Shown[];
  readonly ancestors?: readonly Shown[];
  readonly listeners?: readonly Shown[];
}

function shown({
  conditions = [],
  parents = [],
  ancestors = [],
  listeners: own = [],
}: Shown): readonly string[] {
  return [
    ...conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`),
    ...[...parents, ...ancestors, ...own].flatMap(shown),
  ];
}

/** The status that the API server gets for an object; {} for none. */
function statusOf(objects: readonly JsonObject[], sought: JsonObject) {
  const store = createResourceStore({ isLive: true, hasAllPods: true, hasOnlyOwnGateways: true });
  for (const object of objects) store.putObject(object);
  const { topology, statusFacts } = store.resolve();
  const { name } = sought.metadata as unknown as { readonly name: string };
  const ours = statusesOf(statusFacts, live).find(
    ({ of }) => of.kind === sought.kind && of.name === name,
  );
  const merged = ours && mergeStatus({}, ours, "2026-11-30T12:00:00Z");
  return { topology, status: merged?.kind === "changed" ? merged.status : {} };
}

describe("an object that admission lets through", () => {
  test.each(rows)("has its conditions, and costs no other: $name", ({ object, want }) => {
    const { status, topology } = statusOf([...good, object], object);
    expect(shown(status as Shown)).toEqual(want);
    const served = topology.listeners.flatMap(({ virtualHosts }) =>
      virtualHosts.flatMap(({ routes }) => routes.map(({ origin }) => origin.route.name)),
    );
    expect(served).toContain("good");
    const [, , , , , route] = good;
    expect(shown(statusOf([...good, object], route as JsonObject).status as Shown)).toEqual([
      accepted,
      resolved,
    ]);
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });

  test("has messages that the API server takes, whatever names it quotes", () => {
    const object = route(
      "bad",
      `parentRefs: [{name: gw}], hostnames: ["${"h".repeat(5_000)}"], rules: [{backendRefs: [{name: "${"b".repeat(5_000)}", port: 80}]}]`,
    );
    const { status } = statusOf([...good, object], object);
    const messages = JSON.stringify(status).match(/"message":"[^"]*"/g) ?? [];
    expect(messages.length).toBeGreaterThan(0);
    expect(Math.max(...messages.map(({ length }) => length))).toBeLessThan(1_100);
    expect(supportedFeatures.length).toBeLessThanOrEqual(64);
  });
});
