import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  createResourceStore,
  type LiveFacts,
  type ObjectStatus,
  statusesOf,
  supportedFeatures,
} from "@umbra/envoy-config";

const api = "apiVersion: gateway.networking.k8s.io/v1";
const gatewayClass = `${api}
kind: GatewayClass
metadata: {name: umbra, generation: 3}
spec: {controllerName: umbra.dev/gateway}
`;
const gatewayOf = (listeners: string, more = "", name = "gw") => `---
${api}
kind: Gateway
metadata: {name: ${name}, generation: 7}
spec: {gatewayClassName: umbra, listeners: [${listeners}]${more}}
`;
const routeOf = (spec: string, name = "r") => `---
${api}
kind: HTTPRoute
metadata: {name: ${name}, generation: 2}
spec: {${spec}}
`;
const echo = `---
apiVersion: v1
kind: Service
metadata: {name: echo, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {ports: [{port: 80}]}
`;
const toEcho = "rules: [{backendRefs: [{name: echo, port: 80}]}]";
const http = "{name: http, port: 80, protocol: HTTP}";

const nothing: LiveFacts = {
  listeners: new Map(),
  refusedRoutes: new Map(),
  verdicts: new Map(),
};
const accepted = (...names: readonly string[]): LiveFacts => ({
  ...nothing,
  listeners: new Map(names.map((name) => [name, { kind: "accepted" }])),
});

function statusesIn(text: string, live: LiveFacts = nothing): readonly ObjectStatus[] {
  const store = createResourceStore({ isLive: true, hasAllPods: true, hasOnlyOwnGateways: true });
  store.put({ name: "x", text: gatewayClass + echo + text });
  return statusesOf(store.resolve().statusFacts, live);
}

interface Conditioned {
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
  }[];
}

/** `Accepted=True Accepted` for each condition. */
function shown({ conditions }: Conditioned): readonly string[] {
  return conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

interface ListenerView extends Conditioned {
  readonly name: string;
  readonly attachedRoutes: number;
  readonly supportedKinds: readonly object[];
}

interface GatewayView extends Conditioned {
  readonly addresses: readonly unknown[];
  readonly listeners: readonly ListenerView[];
}

function gatewayIn(text: string, live?: LiveFacts, name = "gw"): GatewayView {
  const found = statusesIn(text, live).find(({ of }) => of.kind === "Gateway" && of.name === name);
  return found?.own as unknown as GatewayView;
}

function entriesIn(text: string, kind: string, live?: LiveFacts) {
  const found = statusesIn(text, live).find(({ of }) => of.kind === kind);
  return (found?.shared?.entries ?? []) as unknown as readonly (Conditioned & {
    readonly parentRef?: object;
    readonly ancestorRef?: object;
    readonly controllerName: string;
  })[];
}

const good = {
  accepted: "Accepted=True Accepted",
  pending: "Programmed=Unknown Pending",
  programmed: "Programmed=True Programmed",
  invalid: "Programmed=False Invalid",
  resolved: "ResolvedRefs=True ResolvedRefs",
  alone: "Conflicted=False NoConflicts",
};
const tls = (ref: string) =>
  `{name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [${ref}]}}`;
const kinds = (list: string) =>
  `{name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [${list}]}}`;

describe("the status of a GatewayClass", () => {
  test("says that it is accepted, and what is supported", () => {
    const [status] = statusesIn("", { ...nothing, apiVersion: "v1.6.3" });
    expect(status?.of).toEqual({
      ...{ group: "gateway.networking.k8s.io", kind: "GatewayClass", name: "umbra" },
    });
    expect(status?.generation).toBe(3);
    expect(shown(status?.own as unknown as Conditioned)).toEqual([
      good.accepted,
      "SupportedVersion=True SupportedVersion",
    ]);
    expect(status?.own.supportedFeatures).toEqual(supportedFeatures.map((name) => ({ name })));
  });

  test("says that the version of the API is not supported", () => {
    const [status] = statusesIn("", { ...nothing, apiVersion: "v2.0.0" });
    expect(shown(status?.own as unknown as Conditioned)[1]).toBe(
      "SupportedVersion=False UnsupportedVersion",
    );
  });

  test("lists features in order, each once", () => {
    expect(supportedFeatures).toEqual([...new Set(supportedFeatures)].toSorted());
  });
});

describe("the status of a Gateway", () => {
  test.each([
    {
      name: "that Envoy serves",
      text: gatewayOf(http),
      live: accepted("0.0.0.0:80"),
      want: [good.accepted, good.programmed],
      listeners: [[good.accepted, good.programmed, good.resolved, good.alone]],
    },
    {
      name: "about which Envoy has not answered yet",
      text: gatewayOf(http),
      live: nothing,
      want: [good.accepted, good.pending],
      listeners: [[good.accepted, good.pending, good.resolved, good.alone]],
    },
    {
      name: "that Envoy refuses",
      text: gatewayOf(http),
      live: {
        ...nothing,
        listeners: new Map([["0.0.0.0:80", { kind: "refused", message: "no" }]]),
      },
      want: [good.accepted, good.invalid],
      listeners: [[good.accepted, good.invalid, good.resolved, good.alone]],
    },
    {
      name: "with a supported and an unsupported protocol",
      text: gatewayOf(`${http}, {name: invalid, port: 81, protocol: invalid}`),
      live: accepted("0.0.0.0:80"),
      want: ["Accepted=True ListenersNotValid", good.programmed],
      listeners: [
        [good.accepted, good.programmed, good.resolved, good.alone],
        ["Accepted=False UnsupportedProtocol", good.invalid, good.resolved, good.alone],
      ],
    },
    {
      name: "with unsupported protocols only",
      text: gatewayOf("{name: invalid, port: 81, protocol: TCP}"),
      live: nothing,
      want: ["Accepted=False ListenersNotValid", good.invalid],
      listeners: [["Accepted=False UnsupportedProtocol", good.invalid, good.resolved, good.alone]],
    },
    {
      name: "with a kind of routes that is not supported",
      text: gatewayOf(kinds("{kind: InvalidRoute}")),
      live: accepted("0.0.0.0:80"),
      want: [good.accepted, good.programmed],
      listeners: [
        [good.accepted, good.programmed, "ResolvedRefs=False InvalidRouteKinds", good.alone],
      ],
    },
    {
      name: "with a certificate that does not exist",
      text: gatewayOf(tls("{name: lost}")),
      live: nothing,
      want: [good.accepted, good.invalid],
      listeners: [
        [good.accepted, good.invalid, "ResolvedRefs=False InvalidCertificateRef", good.alone],
      ],
    },
    {
      name: "with a certificate of a kind that does not exist",
      text: gatewayOf(tls("{group: wrong.group.company.io, kind: WrongKind, name: lost}")),
      live: nothing,
      want: [good.accepted, good.invalid],
      listeners: [
        [good.accepted, good.invalid, "ResolvedRefs=False InvalidCertificateRef", good.alone],
      ],
    },
    {
      name: "with a certificate of another namespace",
      text: gatewayOf(tls("{name: lost, namespace: other}")),
      live: nothing,
      want: [good.accepted, good.invalid],
      listeners: [[good.accepted, good.invalid, "ResolvedRefs=False RefNotPermitted", good.alone]],
    },
    {
      name: "with two listeners of one hostname",
      text: gatewayOf(`${http}, {name: same, port: 80, protocol: HTTP}`),
      live: accepted("0.0.0.0:80"),
      want: ["Accepted=True ListenersNotValid", good.programmed],
      listeners: [
        [good.accepted, good.programmed, good.resolved, good.alone],
        [
          "Accepted=False HostnameConflict",
          good.invalid,
          good.resolved,
          "Conflicted=True HostnameConflict",
        ],
      ],
    },
    {
      name: "with HTTP, and HTTPS without a certificate, on one port",
      text: gatewayOf(
        `${http}, {name: b, port: 80, protocol: HTTPS, hostname: b.test, tls: {certificateRefs: [{name: lost}]}}`,
      ),
      live: accepted("0.0.0.0:80"),
      want: [good.accepted, good.programmed],
      listeners: [
        [good.accepted, good.programmed, good.resolved, good.alone],
        [good.accepted, good.invalid, "ResolvedRefs=False InvalidCertificateRef", good.alone],
      ],
    },
    {
      name: "that asks for an address of an unknown type",
      text: gatewayOf(http, ", addresses: [{type: test/fake, value: a}, {value: 10.0.7.1}]"),
      live: nothing,
      want: ["Accepted=False UnsupportedAddress", good.invalid],
      listeners: [[good.accepted, good.invalid, good.resolved, good.alone]],
    },
    {
      name: "that asks for an address that can't be used",
      text: gatewayOf(http, ", addresses: [{value: nowhere}, {value: 10.0.7.1}]"),
      live: nothing,
      want: [good.accepted, "Programmed=False AddressNotUsable"],
      listeners: [[good.accepted, good.invalid, good.resolved, good.alone]],
    },
  ] as const)("$name is $want", ({ text, live, want, listeners }) => {
    const status = gatewayIn(text, live as LiveFacts);
    expect(shown(status)).toEqual(want);
    expect(status.listeners.map(shown)).toEqual(listeners);
  });

  test("has its address, unless that means all addresses of a machine", () => {
    expect(gatewayIn(gatewayOf(http)).addresses).toEqual([]);
    expect(gatewayIn(gatewayOf(http, ", addresses: [{value: 10.0.7.1}]")).addresses).toEqual([
      { type: "IPAddress", value: "10.0.7.1" },
    ]);
  });

  const httpRoutes = [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute" }];
  test.each([
    { listener: http, want: httpRoutes },
    { listener: kinds("{kind: HTTPRoute}, {kind: InvalidRoute}"), want: httpRoutes },
    { listener: kinds("{kind: InvalidRoute}"), want: [] },
    { listener: "{name: tcp, port: 80, protocol: TCP}", want: [] },
    { listener: tls("{name: lost}"), want: httpRoutes },
  ])("names the kinds of routes of $listener: $want", ({ listener, want }) => {
    expect(gatewayIn(gatewayOf(listener)).listeners[0]?.supportedKinds).toEqual(want);
  });

  test.each([
    { name: "none", text: "", want: [0] },
    { name: "one", text: routeOf(`parentRefs: [{name: gw}], ${toEcho}`), want: [1] },
    {
      name: "one that names it twice",
      text: routeOf(`parentRefs: [{name: gw}, {name: gw, sectionName: http}], ${toEcho}`),
      want: [1],
    },
    {
      name: "one whose backend is lost",
      text: routeOf("parentRefs: [{name: gw}], rules: [{backendRefs: [{name: lost, port: 80}]}]"),
      want: [1],
    },
    {
      name: "two",
      text:
        routeOf(`parentRefs: [{name: gw}], ${toEcho}`) +
        routeOf(`parentRefs: [{name: gw}], ${toEcho}`, "s"),
      want: [2],
    },
    {
      name: "one that is not accepted",
      text: routeOf(`parentRefs: [{name: gw, sectionName: lost}], ${toEcho}`),
      want: [0],
    },
  ])("counts attached routes: $name", ({ text, want }) => {
    const { listeners } = gatewayIn(gatewayOf(http) + text);
    expect(listeners.map(({ attachedRoutes }) => attachedRoutes)).toEqual(want);
  });

  test("counts routes of a listener without a certificate", () => {
    const text = gatewayOf(tls("{name: lost}")) + routeOf(`parentRefs: [{name: gw}], ${toEcho}`);
    expect(gatewayIn(text).listeners[0]?.attachedRoutes).toBe(1);
  });

  test("is about Envoy's listener of its address and port, which may be merged", () => {
    const text =
      gatewayOf(http, "", "b") + gatewayOf(http, ", addresses: [{value: 10.0.7.1}]", "a");
    const live = accepted("10.0.7.1:80");
    expect(shown(gatewayIn(text, live, "a"))[1]).toBe(good.programmed);
    expect(shown(gatewayIn(text, live, "b"))[1]).toBe(good.pending);
    const merged = gatewayOf(http, "", "b") + gatewayOf(http, "", "a");
    const both = accepted("0.0.0.0:80");
    expect(shown(gatewayIn(merged, both, "b"))[1]).toBe(good.programmed);
  });
});

test("a message that is cut in the middle of a character is still one that the API server keeps", () => {
  // The API server would store another character for the half, and the status would differ for ever.
  const text = `x${"😀".repeat(1_000)}`;
  const live = {
    ...nothing,
    listeners: new Map([["0.0.0.0:80", { kind: "refused" as const, message: text }]]),
  };
  const routes = { ...nothing, refusedRoutes: new Map([["default/r", text]]) };
  const route = routeOf(`parentRefs: [{name: gw}], ${toEcho}`);
  const all = [live, routes].map((facts) =>
    JSON.stringify(statusesIn(gatewayOf(http) + route, facts)),
  );
  expect(all.map((json) => json.split("😀").length > 400)).toEqual([true, true]);
  // JSON writes a half of a character as an escape.
  expect(all.filter((json) => /\\ud[89a-f]/.test(json))).toEqual([]);
});

describe("the status of an HTTPRoute", () => {
  const gateways = gatewayOf(
    `${http}, {name: named, port: 81, protocol: HTTP, hostname: "*.example.com"}, {name: closed, port: 82, protocol: HTTP, allowedRoutes: {namespaces: {from: None}}}`,
  );
  const regex = (value: string) =>
    `matches: [{path: {type: RegularExpression, value: "${value}"}}]`;
  const backend = "backendRefs: [{name: echo, port: 80}]";
  const yes = [good.accepted, good.resolved];
  const not = (reason: string) => [`Accepted=False ${reason}`, good.resolved];
  test.each([
    { name: "that is served", spec: `parentRefs: [{name: gw}], ${toEcho}`, want: [yes] },
    {
      name: "of a listener that does not exist",
      spec: `parentRefs: [{name: gw, sectionName: lost}], ${toEcho}`,
      want: [not("NoMatchingParent")],
    },
    {
      name: "of a port without listener",
      spec: `parentRefs: [{name: gw, port: 99}], ${toEcho}`,
      want: [not("NoMatchingParent")],
    },
    {
      name: "of another hostname",
      spec: `parentRefs: [{name: gw, sectionName: named}], hostnames: [a.test], ${toEcho}`,
      want: [not("NoMatchingListenerHostname")],
    },
    {
      name: "that a listener does not allow",
      spec: `parentRefs: [{name: gw, sectionName: closed}], ${toEcho}`,
      want: [not("NotAllowedByListeners")],
    },
    {
      name: "with two parents",
      spec: `parentRefs: [{name: gw, sectionName: http}, {name: gw, sectionName: closed}], ${toEcho}`,
      want: [yes, not("NotAllowedByListeners")],
    },
    {
      name: "of another controller's Gateway",
      spec: `parentRefs: [{name: lost}], ${toEcho}`,
      want: [],
    },
    {
      name: "of a lost backend",
      spec: "parentRefs: [{name: gw}], rules: [{backendRefs: [{name: lost, port: 80}]}]",
      want: [[good.accepted, "ResolvedRefs=False BackendNotFound"]],
    },
    {
      name: "of a backend of another kind",
      spec: "parentRefs: [{name: gw}], rules: [{backendRefs: [{kind: Lost, name: lost, port: 80}]}]",
      want: [[good.accepted, "ResolvedRefs=False InvalidKind"]],
    },
    {
      name: "of another namespace's backend",
      spec: "parentRefs: [{name: gw}], rules: [{backendRefs: [{namespace: other, name: lost, port: 80}]}]",
      want: [[good.accepted, "ResolvedRefs=False RefNotPermitted"]],
    },
    {
      name: "with a bad rule only",
      spec: `parentRefs: [{name: gw}], rules: [{${regex("(")}, ${backend}}]`,
      want: [not("UnsupportedValue")],
    },
    {
      name: "with a bad rule among others",
      spec: `parentRefs: [{name: gw}], rules: [{${backend}}, {${regex("(")}, ${backend}}]`,
      want: [[...yes, "PartiallyInvalid=True UnsupportedValue"]],
    },
  ])("$name is $want", ({ spec, want }) => {
    expect(entriesIn(gateways + routeOf(spec), "HTTPRoute").map(shown)).toEqual(want);
  });

  test("names each parent as the route does", () => {
    const spec = `parentRefs: [{name: gw}, {namespace: default, name: gw, sectionName: http, port: 80}], ${toEcho}`;
    const base = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "gw" };
    expect(entriesIn(gateways + routeOf(spec), "HTTPRoute")).toMatchObject([
      { parentRef: base, controllerName: "umbra.dev/gateway" },
      { parentRef: { ...base, namespace: "default", sectionName: "http", port: 80 } },
    ]);
  });

  test("says that Envoy refuses it", () => {
    const live = { ...nothing, refusedRoutes: new Map([["default/r", "no such filter"]]) };
    const [entry] = entriesIn(
      gateways + routeOf(`parentRefs: [{name: gw}], ${toEcho}`),
      "HTTPRoute",
      live,
    );
    expect(entry?.conditions[0]).toMatchObject({
      reason: "UnsupportedValue",
      message: "no such filter",
    });
  });

  test("does not depend on how many findings are shown", () => {
    const lost = Array.from({ length: 1_200 }, (_, i) =>
      routeOf(
        "parentRefs: [{name: gw}], rules: [{backendRefs: [{name: lost, port: 80}]}]",
        `r${i}`,
      ),
    );
    const statuses = statusesIn(gateways + lost.join("")).filter(
      ({ of }) => of.kind === "HTTPRoute",
    );
    const entries = statuses.flatMap(
      ({ shared }) => shared?.entries ?? [],
    ) as unknown as readonly Conditioned[];
    expect(new Set(entries.map((each) => shown(each)[1]))).toEqual(
      new Set(["ResolvedRefs=False BackendNotFound"]),
    );
    expect(entries).toHaveLength(1_200);
  });
});

describe("the status of an InferencePool", () => {
  const pool = (ref = "") => `---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, generation: 4}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: 8000}]${ref}}
`;
  const toPool =
    "rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llama}]}]";
  const gateways = gatewayOf(http) + gatewayOf(http, "", "second");
  const ref = (name: string) => ({
    ...{ group: "gateway.networking.k8s.io", kind: "Gateway", namespace: "default", name },
  });

  test.each([
    { name: "without a route", text: "", parents: [] },
    {
      name: "with a route to something else",
      text: routeOf(`parentRefs: [{name: gw}], ${toEcho}`),
      parents: [],
    },
    {
      name: "with a route",
      text: routeOf(`parentRefs: [{name: gw}], ${toPool}`),
      parents: [ref("gw")],
    },
    {
      name: "with routes of two Gateways",
      text: routeOf(`parentRefs: [{name: second}, {name: gw}], ${toPool}`),
      parents: [ref("gw"), ref("second")],
    },
    {
      name: "with a route of another controller",
      text: routeOf(`parentRefs: [{name: lost}], ${toPool}`),
      parents: [],
    },
  ])("$name has a parent for each Gateway", ({ text, parents }) => {
    const entries = entriesIn(gateways + pool() + text, "InferencePool");
    expect(entries.map(({ parentRef }) => parentRef)).toEqual(parents);
    expect(entries.map(shown)).toEqual(parents.map(() => [good.accepted, good.resolved]));
  });

  test("says that its only route is not accepted", () => {
    const text = routeOf(`parentRefs: [{name: gw, sectionName: lost}], ${toPool}`);
    const [entry] = entriesIn(gateways + pool() + text, "InferencePool");
    expect(entry && shown(entry)).toEqual(["Accepted=False HTTPRouteNotAccepted", good.resolved]);
  });

  test("says that its picker is of no kind that is known", () => {
    const text = routeOf(`parentRefs: [{name: gw}], ${toPool}`);
    const named = pool(", endpointPickerRef: {group: a.test, kind: Picker, name: p}");
    const [entry] = entriesIn(gateways + named + text, "InferencePool");
    expect(entry && shown(entry)).toEqual([
      good.accepted,
      "ResolvedRefs=False InvalidExtensionRef",
    ]);
  });
});

const metadataUrl = "endpoint: 'https://169.254.169.254/v1/chat/completions'";

describe("the status of a ShadowPolicy", () => {
  const policy = (spec: string) => `---
apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: p, generation: 5}
spec: {${spec}}
`;
  const route = routeOf(
    "parentRefs: [{name: gw}], rules: [{backendRefs: [{name: echo, port: 80}], filters: [{type: RequestMirror, requestMirror: {backendRef: {name: echo, port: 80}}}]}]",
  );
  const all = gatewayOf(http) + route;
  test.each([
    { name: "at its target", spec: "targetRefs: [{name: r}]", want: [[good.accepted]] },
    {
      name: "whose target is lost",
      spec: "targetRefs: [{name: lost}]",
      want: [["Accepted=False TargetNotFound"]],
    },
    {
      name: "with an error",
      spec: "targetRefs: [{name: r}], sampling: {percent: 200}",
      want: [["Accepted=False Invalid"]],
    },
    {
      // The API server's rules let it through: they know no addresses but this machine's.
      name: "whose judge is a cloud's metadata service",
      spec: `targetRefs: [{name: r}], evaluation: {outputs: {judge: {consent: true, model: j, ${metadataUrl}}}}`,
      want: [["Accepted=False Invalid"]],
    },
  ])("$name is $want", ({ spec, want }) => {
    const entries = entriesIn(all + policy(spec), "ShadowPolicy");
    expect(entries.map(shown)).toEqual(want);
    expect(entries[0]).toMatchObject({
      ancestorRef: { group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "default" },
      controllerName: "umbra.dev/gateway",
    });
  });

  test("says what its evaluation has found", () => {
    const found = {
      verdict: "pass",
      pairs: 1_200,
      ratio: 1.02,
      reportedAt: "2026-11-30T11:00:00Z",
    };
    const live = { ...nothing, verdicts: new Map([["default/p", found]]) };
    const status = statusesIn(all + policy("targetRefs: [{name: r}]"), live).find(
      ({ of }) => of.kind === "ShadowPolicy",
    );
    expect(status?.own).toEqual({ evaluation: found });
  });
});

test("statuses are plain data", () => {
  const file = new URL("../../../envoy/reference-scenario/resources.yaml", import.meta.url);
  const store = createResourceStore({ isLive: true });
  store.put({ name: "x", text: readFileSync(file, "utf8") });
  const statuses = statusesOf(store.resolve().statusFacts, nothing);
  expect(statuses.length).toBeGreaterThan(2);
  expect(JSON.parse(JSON.stringify(statuses))).toEqual(statuses);
});

test("statuses do not depend on what was resolved before", () => {
  const lost = "parentRefs: [{name: gw}], rules: [{backendRefs: [{name: lost, port: 80}]}]";
  const files = [
    { name: "a", text: gatewayClass + echo + gatewayOf(http) },
    { name: "b", text: routeOf(lost) + routeOf(`parentRefs: [{name: gw}], ${toEcho}`, "s") },
  ];
  const options = { isLive: true, hasOnlyOwnGateways: true };
  const store = createResourceStore(options);
  for (const file of files) {
    store.put(file);
    store.resolve();
  }
  store.put({ name: "c", text: "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n" });
  const fresh = createResourceStore(options);
  for (const file of files) fresh.put(file);
  const statuses = statusesOf(store.resolve().statusFacts, nothing);
  expect(statuses).toEqual(statusesOf(fresh.resolve().statusFacts, nothing));
  const routes = statuses.filter(({ of }) => of.kind === "HTTPRoute");
  const reasons = routes.map(({ shared }) =>
    ((shared?.entries ?? []) as unknown as readonly Conditioned[]).map(shown),
  );
  expect(reasons).toEqual([
    [[good.accepted, "ResolvedRefs=False BackendNotFound"]],
    [[good.accepted, good.resolved]],
  ]);
});
