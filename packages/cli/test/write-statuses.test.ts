import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { ServedFacts } from "@umbra/control";
import type { ObjectStatus } from "@umbra/envoy-config";
import { createApiClient, type JsonObject } from "@umbra/kubernetes";
import { accessOf } from "@umbra/kubernetes/internal";
import { parse } from "yaml";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import type { StoredKind, StoredObject } from "../../../testing/api-server/scripted-store.ts";
import { type StatusesInCluster, writeStatuses } from "../src/kube/write-statuses.ts";

jest.setTimeout(60_000);

const gatewayGroup = "gateway.networking.k8s.io";
const kindOf = (group: string, version: string, plural: string, kind: string): StoredKind => ({
  ...{ group, version, plural, kind, isNamespaced: kind !== "GatewayClass" },
});
const kinds = {
  leases: kindOf("coordination.k8s.io", "v1", "leases", "Lease"),
  routes: kindOf(gatewayGroup, "v1", "httproutes", "HTTPRoute"),
  classes: kindOf(gatewayGroup, "v1", "gatewayclasses", "GatewayClass"),
  policies: kindOf("umbra.dev", "v1alpha1", "shadowpolicies", "ShadowPolicy"),
  crds: {
    ...kindOf(
      "apiextensions.k8s.io",
      "v1",
      "customresourcedefinitions",
      "CustomResourceDefinition",
    ),
    isNamespaced: false,
  },
};
const written = [kinds.routes, kinds.classes, kinds.policies];

const theirs = {
  parentRef: { name: "theirs" },
  controllerName: "example.com/other",
  conditions: [],
};
const ours = { parentRef: { name: "gw" }, controllerName: "umbra.dev/gateway", conditions: [] };
const routeStatus = (generation: number, isAccepted = true): ObjectStatus => ({
  of: { group: gatewayGroup, kind: "HTTPRoute", namespace: "default", name: "r" },
  generation,
  own: {},
  shared: {
    ...{ field: "parents", key: "parentRef", isRequired: true },
    entries: [
      {
        parentRef: { name: "gw" },
        controllerName: "umbra.dev/gateway",
        conditions: [
          {
            type: "Accepted",
            status: isAccepted ? "True" : "False",
            reason: "Accepted",
            message: "",
          },
        ],
      },
    ],
  },
});
const policyStatus: ObjectStatus = {
  of: { group: "umbra.dev", kind: "ShadowPolicy", namespace: "default", name: "p" },
  ...{ generation: 1, own: { evaluation: { verdict: "pass" } } },
};

function json(text: string): StoredObject {
  return parse(text) as StoredObject;
}

describe("statuses in a cluster", () => {
  let server: ScriptedApiServer;
  let statuses: StatusesInCluster;
  let asked: (ServedFacts | undefined)[] = [];
  let problems: string[] = [];
  let close: () => Promise<void>;
  let verdicts: ServedFacts["verdicts"] = new Map();

  const objects = () =>
    written.flatMap((kind) => server.resource(kind).list(undefined)) as unknown as JsonObject[];

  function start({ isRendering = true } = {}): void {
    const cluster = { name: "scripted", server: server.url, skipTLSVerify: true };
    const client = createApiClient(accessOf({ cluster, user: { name: "test" } }), "umbra-test");
    statuses = writeStatuses({
      ...{ client, lease: "umbra-status", isRendering, objects },
      find: ({ kind, name }) =>
        objects().find((each) => each.kind === kind.kind && nameOf(each) === name),
      configuration: { serves: (served) => void asked.push(served) },
      onProblem: (words) => problems.push(words),
      onNote: () => undefined,
      readVerdictsEveryMs: 20,
    });
    close = async () => {
      await statuses.close();
      await client.close();
    };
    statuses.begin({ verdicts: () => verdicts });
  }

  beforeEach(async () => {
    server = new ScriptedApiServer();
    await server.start();
    for (const kind of Object.values(kinds)) server.install(kind);
    server.resource(kinds.routes).put(json("{metadata: {name: r, namespace: default}, spec: {}}"));
    server
      .resource(kinds.crds)
      .put(
        json(
          '{metadata: {name: gatewayclasses.gateway.networking.k8s.io, annotations: {gateway.networking.k8s.io/bundle-version: "v1.6.3"}}}',
        ),
      );
    [asked, problems, verdicts] = [[], [], new Map()];
  });

  afterEach(async () => {
    await close();
    await server.stop();
  });

  const route = () => server.resource(kinds.routes).get("default", "r");
  const parents = () => (route()?.status as { parents?: JsonObject[] } | undefined)?.parents ?? [];
  const isAsked = () => until("statuses are asked for", () => asked.length > 0);
  const take = (changed: readonly ObjectStatus[], isWhole = true) =>
    statuses.takeStatuses({ isWhole, changed, gone: [] });

  test("are asked for by the holder of the Lease, with the version of the Gateway API", async () => {
    start();
    await isAsked();
    expect(asked).toEqual([{ listeners: new Map(), verdicts: new Map(), apiVersion: "v1.6.3" }]);
    const replies = new Map([["gw", { version: "1" }]]);
    statuses.takeReplies(replies);
    expect(asked.at(-1)).toEqual({ listeners: replies, verdicts: new Map(), apiVersion: "v1.6.3" });
    expect(statuses.writes().isHolder).toBe(true);
  });

  test("are asked for again when evaluations have found something else", async () => {
    start();
    await isAsked();
    const found = { verdict: "PASS", pairs: 1, reportedAt: "2026-11-30T12:00:00Z" };
    verdicts = new Map([["default/p", found]]);
    await until("it is asked again", () => asked.length === 2);
    expect(asked[1]?.verdicts).toBe(verdicts);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toHaveLength(2);
  });

  test("wait for all: a change that came late, of some, takes no entries from others", async () => {
    server
      .resource(kinds.routes)
      .put({ ...(route() as StoredObject), status: { parents: [ours] } });
    start();
    await isAsked();
    take([], false);
    statuses.takeObjects([{ type: "put", object: route() as unknown as JsonObject }]);
    expect(statuses.writes().pending).toBe(0);
    take([]);
    await until("it is removed", () => parents().length === 0);
  });

  test("leave the entries of other controllers where they are, and replace Umbra's", async () => {
    server
      .resource(kinds.routes)
      .put({ ...(route() as StoredObject), status: { parents: [theirs, ours, theirs] } });
    start();
    await isAsked();
    take([routeStatus(1)]);
    await until("it is written", () => server.seenOf("patch").length === 1);
    await until("it has arrived", () => JSON.stringify(parents()).includes("Accepted"));
    expect(parents()).toMatchObject([
      theirs,
      { controllerName: "umbra.dev/gateway", conditions: [{ observedGeneration: 1 }] },
      theirs,
    ]);
  });

  test("cost no request where they are right", async () => {
    start();
    await isAsked();
    take([routeStatus(1)]);
    await until("it is written", () => parents().length === 1);
    const before = server.seenOf("get", "httproutes").length;
    take([routeStatus(1)]);
    statuses.takeObjects([{ type: "put", object: route() as unknown as JsonObject }]);
    expect(statuses.writes().pending).toBe(0);
    expect(server.seenOf("get", "httproutes")).toHaveLength(before);
  });

  test("are written again when another has removed them", async () => {
    start();
    await isAsked();
    take([routeStatus(1)]);
    await until("it is written", () => parents().length === 1);
    const emptied = server
      .resource(kinds.routes)
      .put({ ...(route() as StoredObject), status: { parents: [theirs] } });
    statuses.takeObjects([{ type: "put", object: emptied as unknown as JsonObject }]);
    await until("it is written again", () => parents().length === 2);
    const counted = () => statuses.writes().counts.get("httproutes.gateway.networking.k8s.io");
    await until("both are counted", () => counted()?.get("written") === 2);
  });

  test("lose Umbra's entries when the object is Umbra's no more, also if an earlier process wrote them", async () => {
    server
      .resource(kinds.routes)
      .put({ ...(route() as StoredObject), status: { parents: [ours, theirs] } });
    start();
    await isAsked();
    take([]);
    await until("it is removed", () => parents().length === 1);
    expect(parents()).toEqual([theirs]);
  });

  test("of a newer generation are left as they are: another holder has seen more", async () => {
    const newer = {
      ...ours,
      conditions: [{ type: "Accepted", status: "False", observedGeneration: 5 }],
    };
    server
      .resource(kinds.routes)
      .put({ ...(route() as StoredObject), status: { parents: [newer] } });
    start();
    await isAsked();
    take([routeStatus(1)]);
    expect(statuses.writes().pending).toBe(0);
    expect(parents()).toEqual([newer]);
  });

  test("of objects of files are not written to objects of the same name", async () => {
    start();
    await isAsked();
    const { generation: _, ...ofFile } = routeStatus(1);
    take([ofFile]);
    expect(statuses.writes().pending).toBe(0);
  });

  test("are not written any more when another has the Lease", async () => {
    start();
    await isAsked();
    const lease = server.resource(kinds.leases).get("default", "umbra-status") as StoredObject;
    const spec = { ...(lease.spec as object), holderIdentity: "another" };
    server.resource(kinds.leases).put({ ...lease, spec });
    await until("the loss is noticed", () => asked.at(-1) === undefined, 15_000);
    take([routeStatus(1)]);
    expect([statuses.writes().isHolder, statuses.writes().pending]).toEqual([false, 0]);
    expect(server.seenOf("patch")).toHaveLength(0);
  });

  test("are only those of ShadowPolicies where the Gateway is another's", async () => {
    server
      .resource(kinds.policies)
      .put(json("{metadata: {name: p, namespace: default}, spec: {}}"));
    start({ isRendering: false });
    await isAsked();
    take([routeStatus(1), policyStatus]);
    await until("it is written", () => server.seenOf("patch").length === 1);
    expect(server.seenOf("patch", "shadowpolicies")).toHaveLength(1);
    expect(server.seenOf("get", "customresourcedefinitions")).toHaveLength(0);
    expect(parents()).toEqual([]);
  });

  test.each([
    {
      verb: "create" as const,
      plural: "leases",
      want: /the Lease umbra-status can't be had.*"verbs":\["get","update"\]/,
    },
    {
      verb: "get" as const,
      plural: "customresourcedefinitions",
      want: /SupportedVersion.*"verbs":\["get"\]/,
    },
    { verb: "patch" as const, plural: "httproutes", want: /httproutes.*"httproutes\/status"/ },
  ])("name the rule of the missing right to $verb $plural", async ({ verb, plural, want }) => {
    server.forbid(verb, plural);
    start();
    await until("it asks for statuses or can't", () => asked.length + problems.length > 0);
    take([routeStatus(1)]);
    await until("the problem is named", () => problems.length > 0);
    expect(problems).toEqual([expect.stringMatching(want)]);
    expect(statuses.writes().problems).toEqual(problems);
  });
});

function nameOf({ metadata }: JsonObject): string {
  return (metadata as unknown as { name: string }).name;
}

/** Waits for a condition; throws with what it was when it does not come true in time. */
async function until(what: string, isTrue: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!isTrue()) {
    if (performance.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms and still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
