import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { testSize } from "../../testing/test-size.ts";
import { until } from "../harness/until.ts";
import {
  type EchoGateway,
  httpRoute,
  httpRouteOf,
  isLikely,
  type Resource,
  type Row,
  startEchoGateway,
  titleOf,
  to,
} from "./echo-gateway.ts";

/** Where requests and their copies go: tables after the conformance tests of the Gateway API, through the real Envoy. */

const under = (value: string) => ({ matches: [{ path: { value } }] });
const weighted = (weights: Readonly<Record<string, number>>) => ({
  backendRefs: Object.entries(weights).map(([name, weight]) => ({ name, port: 8080, weight })),
});
const mirror = (name: string, share: Resource = {}) => ({
  type: "RequestMirror",
  requestMirror: { backendRef: { name, port: 8080 }, ...share },
});
const elsewhere = { namespace: "other" };

const routes: readonly Resource[] = [
  httpRoute(
    "weights",
    { ...under("/ten"), ...weighted({ v1: 7, v2: 3, v3: 0 }) },
    { ...under("/odd"), ...weighted({ v1: 1, v2: 2, v3: 4 }) },
    { ...under("/invalid"), ...weighted({ v1: 3, gone: 1 }) },
    { ...under("/none"), ...weighted({ v1: 0, v2: 0 }) },
  ),
  httpRoute(
    "mirrors",
    { ...under("/one"), filters: [mirror("v2")], ...to("v1") },
    { ...under("/two"), filters: [mirror("v2"), mirror("v3")], ...to("v1") },
    {
      ...under("/edited"),
      filters: [
        {
          type: "RequestHeaderModifier",
          requestHeaderModifier: { set: [{ name: "x-set", value: "1" }] },
        },
        mirror("v2"),
      ],
      ...to("v1"),
    },
    ...[
      { path: "/credentials/picked", primary: "v1", shadow: "v2" },
      { path: "/credentials/unpicked", primary: "v1-plain", shadow: "v2-plain" },
    ].map(({ path, primary, shadow }) => ({
      ...under(path),
      filters: [
        {
          type: "RequestHeaderModifier",
          requestHeaderModifier: { set: [{ name: "x-api-key", value: "of-the-primary" }] },
        },
        mirror(shadow),
        mirror("v3-trusted"),
      ],
      ...to(primary),
    })),
    { ...under("/percent-20"), filters: [mirror("v2", { percent: 20 })], ...to("v1") },
    {
      ...under("/fraction-25-50"),
      filters: [mirror("v2", { fraction: { numerator: 25, denominator: 50 } })],
      ...to("v1"),
    },
    { ...under("/percent-35"), filters: [mirror("v2", { percent: 35 })], ...to("v1") },
    {
      ...under("/weighted"),
      filters: [mirror("v3", { percent: 50 })],
      ...weighted({ v1: 50, v2: 50 }),
    },
    { ...under("/invalid"), filters: [mirror("gone"), mirror("v3")], ...to("v1") },
    {
      ...under("/not-granted"),
      filters: [
        {
          type: "RequestMirror",
          requestMirror: { backendRef: { name: "v3", port: 8080, ...elsewhere } },
        },
      ],
      ...to("v2"),
    },
  ),
  httpRoute(
    "invalid",
    { ...under("/nonexistent"), ...to("gone") },
    { ...under("/wrong-port"), ...to("v1", { port: 8081 }) },
    {
      ...under("/unknown-kind"),
      ...to("v1", { group: "unknownkind.example.com", kind: "NonExistent" }),
    },
    { ...under("/not-granted"), ...to("v2", elsewhere) },
    { ...under("/omitted") },
    { ...under("/empty"), backendRefs: [] },
    { ...under("/"), ...to("v1") },
  ),
  httpRoute(
    "granted",
    { ...under("/"), ...to("v1", elsewhere) },
    { ...under("/v2"), ...to("v2", elsewhere) },
  ),
  {
    apiVersion: "gateway.networking.k8s.io/v1beta1",
    kind: "ReferenceGrant",
    metadata: { name: "grant", namespace: "other" },
    spec: {
      from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "default" }],
      to: [{ group: "", kind: "Service", name: "v1" }],
    },
  },
  httpRoute(
    "timeouts",
    { ...under("/request"), timeouts: { request: "300ms" }, ...to("v1") },
    { ...under("/backend"), timeouts: { backendRequest: "300ms" }, ...to("v1") },
    { ...under("/disabled"), timeouts: { request: "0s", backendRequest: "0s" }, ...to("v1") },
  ),
  httpRoute(
    "retries",
    { ...under("/500"), retry: { codes: [500], attempts: 3, backoff: "1ms" }, ...to("v3") },
    {
      ...under("/all"),
      retry: { codes: [500, 502, 503, 504], attempts: 2, backoff: "1ms" },
      ...to("v3"),
    },
    { ...under("/no-codes"), retry: { attempts: 3, backoff: "1ms" }, ...to("v3") },
    {
      ...under("/attempt-200ms"),
      retry: { attempts: 2, backoff: "1ms" },
      timeouts: { backendRequest: "200ms" },
      ...to("v3"),
    },
    {
      ...under("/whole-500ms"),
      retry: { codes: [500], attempts: 5, backoff: "1ms" },
      timeouts: { backendRequest: "400ms", request: "500ms" },
      ...to("v3"),
    },
  ),
  httpRouteOf(
    { name: "section", parentRefs: [{ name: "gateway", sectionName: "gone" }] },
    to("v1"),
  ),
  httpRouteOf({ name: "port", parentRefs: [{ name: "gateway", port: 1 }] }, to("v1")),
  httpRouteOf(
    {
      name: "stranger",
      namespace: "other",
      parentRefs: [{ name: "gateway", namespace: "default" }],
    },
    to("v1"),
  ),
];

/** Requests whose shares are counted. */
const draws = testSize(120, 500);

let gateway: EchoGateway;
beforeAll(async () => {
  gateway = await startEchoGateway(routes);
}, 60_000);
afterAll(() => gateway?.stop());

function table(name: string, rows: readonly Row[]): void {
  describe(name, () => {
    test.each(rows.map((row) => [titleOf(row), row] as const))("%s", async (_, row) => {
      expect(await gateway.ask(row)).toMatchObject({ status: 200, ...row.see });
    });
  });
}

describe("HTTPRouteWeight", () => {
  test.each([
    { path: "/ten", shares: { v1: 0.7, v2: 0.3 } },
    { path: "/odd", shares: { v1: 1 / 7, v2: 2 / 7, v3: 4 / 7 } },
    { path: "/invalid", shares: { 500: 0.25, v1: 0.75 } },
    { path: "/none", shares: { 500: 1 } },
  ])("$path is shared out as $shares", async ({ path, shares }) => {
    const got = await gateway.shares(draws, `GET weights.test${path}`);
    expect([...got.keys()].toSorted()).toEqual(Object.keys(shares));
    for (const [name, share] of Object.entries(shares)) {
      const count = got.get(name) ?? 0;
      expect({ name, count, isLikely: isLikely(count, draws, share) }).toEqual({
        ...{ name, count, isLikely: true },
      });
    }
  });
});

describe("HTTPRouteRequestMirror, HTTPRouteRequestMultipleMirrors", () => {
  test.each([
    { path: "/one", mirrors: ["v2"] },
    { path: "/two", mirrors: ["v2", "v3"] },
    { path: "/edited", mirrors: ["v2"] },
  ])("$path is answered by v1, and $mirrors get a copy each", async ({ path, mirrors }) => {
    const answer = await gateway.ask({ ask: `GET mirrors.test${path}?id=${path}` });
    expect(answer).toMatchObject({ status: 200, from: "v1" });
    for (const name of mirrors) {
      await until(`${name} has the copy`, () => gateway.received(name, `id=${path}`).length > 0);
      const [copy] = gateway.received(name, `id=${path}`);
      expect(copy).toMatchObject({ method: "GET", host: "mirrors.test", path: answer.path });
      expect(copy?.headers["x-set"]).toBe(path === "/edited" ? "1" : undefined);
    }
  });

  test("a mirror that can't be resolved, or is not granted, is left out, and the others stay", async () => {
    const invalid = await gateway.ask({ ask: "GET mirrors.test/invalid?id=invalid" });
    const stranger = await gateway.ask({ ask: "GET mirrors.test/not-granted?id=not-granted" });
    expect([invalid, stranger]).toMatchObject([{ from: "v1" }, { from: "v2" }]);
    await until("v3 has the copy", () => gateway.received("v3", "id=invalid").length > 0);
    expect(gateway.received("v3", "id=not-granted")).toEqual([]);
  });
});

test.each(["picked", "unpicked"])(
  "a copy of a %s request has credentials only where its target asks for them",
  async (kind) => {
    const path = `/credentials/${kind}`;
    const given = {
      authorization: "Bearer secret",
      cookie: "a=b",
      "proxy-authorization": "Basic x",
    };
    const credentials = { ...given, "x-api-key": "of-the-primary" };
    const { seen } = await gateway.ask({ ask: `GET mirrors.test${path}`, with: given });
    expect(seen).toMatchObject(credentials);
    for (const name of ["v2", "v3"]) {
      await until(`${name} has the copy`, () => gateway.received(name, path).length > 0);
    }
    expect(gateway.received("v3", path)[0]?.headers).toMatchObject(credentials);
    for (const name of Object.keys(credentials)) {
      expect(gateway.received("v2", path)[0]?.headers).not.toHaveProperty(name);
    }
  },
);

describe("HTTPRouteRequestPercentageMirror", () => {
  test.each([
    { path: "/percent-20", share: 0.2 },
    { path: "/fraction-25-50", share: 0.5 },
    { path: "/percent-35", share: 0.35 },
  ])("$path copies $share of the requests", async ({ path, share }) => {
    expect(await gateway.shares(draws, `GET mirrors.test${path}`)).toEqual(
      new Map([["v1", draws]]),
    );
    const copies = () => gateway.received("v2", path).length;
    await until("a likely share is copied", () => isLikely(copies(), draws, share));
  });

  test("what is copied does not depend on the backend that answers", async () => {
    const got = await gateway.shares(draws, "GET mirrors.test/weighted");
    const copied = () => new Set(gateway.received("v3", "/weighted").map(({ path }) => path));
    const of = (name: string) =>
      gateway.received(name, "/weighted").filter(({ path }) => copied().has(path)).length;
    for (const name of ["v1", "v2"]) {
      await until(`half of what ${name} answers is copied`, () =>
        isLikely(of(name), got.get(name) ?? 0, 0.5),
      );
    }
  });
});

table("Backends that can't be resolved", [
  { ask: "GET invalid.test/", see: { from: "v1" } },
  // HTTPRouteInvalidNonExistentBackendRef
  { ask: "GET invalid.test/nonexistent", see: { status: 500 } },
  { ask: "GET invalid.test/wrong-port", see: { status: 500 } },
  // HTTPRouteInvalidBackendRefUnknownKind
  { ask: "GET invalid.test/unknown-kind", see: { status: 500 } },
  // HTTPRouteInvalidCrossNamespaceBackendRef
  { ask: "GET invalid.test/not-granted", see: { status: 500 } },
  // HTTPRouteOmittedBackendRefs
  { ask: "GET invalid.test/omitted", see: { status: 500 } },
  { ask: "GET invalid.test/empty", see: { status: 500 } },
]);

table("HTTPRouteReferenceGrant, HTTPRoutePartiallyInvalidViaInvalidReferenceGrant", [
  { ask: "GET granted.test/", see: { from: "v1" } },
  { ask: "GET granted.test/v2", see: { status: 500 } },
]);

table("Routes that are attached to no listener", [
  // HTTPRouteInvalidParentRefNotMatchingSectionName
  { ask: "GET section.test/", see: { status: 404 } },
  // HTTPRouteInvalidParentRefNotMatchingListenerPort
  { ask: "GET port.test/", see: { status: 404 } },
  // HTTPRouteInvalidCrossNamespaceParentRef
  { ask: "GET stranger.test/", see: { status: 404 } },
]);

table("HTTPRouteTimeoutRequest, HTTPRouteTimeoutBackendRequest", [
  { ask: "GET timeouts.test/request", see: { from: "v1" } },
  { ask: "GET timeouts.test/request?delay=1000", see: { status: 504 } },
  { ask: "GET timeouts.test/backend", see: { from: "v1" } },
  { ask: "GET timeouts.test/backend?delay=1000", see: { status: 504 } },
  { ask: "GET timeouts.test/disabled?delay=600", see: { from: "v1" } },
]);

const failing = (path: string, status: number, times: number, delay = 0) =>
  `GET retries.test${path}?id=${path}-${status}-${times}&fail=${status}&times=${times}&delay=${delay}`;

table("HTTPRouteRetry, HTTPRouteRetryConnectionError, HTTPRouteRetryWithTimeouts", [
  { ask: failing("/500", 500, 2), see: { from: "v3" } },
  { ask: failing("/500", 500, 4), see: { status: 500 } },
  { ask: failing("/500", 503, 2), see: { status: 503 } },
  { ask: failing("/all", 500, 1), see: { from: "v3" } },
  { ask: failing("/all", 502, 2), see: { from: "v3" } },
  { ask: failing("/all", 503, 3), see: { status: 503 } },
  { ask: failing("/all", 504, 1), see: { from: "v3" } },
  { ask: failing("/no-codes", 0, 2), see: { from: "v3" } },
  { ask: failing("/no-codes", 0, 4), see: { status: 503 } },
  { ask: failing("/attempt-200ms", 0, 0, 600), see: { status: 504 } },
  { ask: failing("/whole-500ms", 500, 1), see: { from: "v3" } },
  { ask: failing("/whole-500ms", 500, 9, 150), see: { status: 504 } },
]);

test("an attempt that takes too long is tried again", async () => {
  await gateway.ask({ ask: "GET retries.test/attempt-200ms?id=slow&delay=600" });
  expect(gateway.received("v3", "id=slow")).toHaveLength(3);
});

describe("--strict", () => {
  let strict: EchoGateway;
  beforeAll(async () => {
    strict = await startEchoGateway(
      [
        httpRoute(
          "strict",
          { ...under("/found"), filters: [mirror("v2")], ...to("v1") },
          { ...under("/lost"), filters: [mirror("v2"), mirror("gone")], ...to("v1") },
          { ...under("/alone"), ...to("v1", { filters: [mirror("gone")] }) },
          {
            ...under("/share"),
            backendRefs: [
              { name: "v1", port: 8080, weight: 1 },
              { name: "v2", port: 8080, weight: 1, filters: [mirror("gone")] },
            ],
          },
        ),
      ],
      {},
      ["--strict"],
    );
  }, 60_000);
  afterAll(() => strict?.stop());

  test.each([
    { path: "/found", status: 200 },
    { path: "/lost", status: 500 },
    { path: "/alone", status: 500 },
  ])("$path is answered $status", async ({ path, status }) => {
    expect(await strict.ask({ ask: `GET strict.test${path}` })).toMatchObject({ status });
  });

  test("of a rule with such a backend the others serve their shares", async () => {
    const got = await strict.shares(200, "GET strict.test/share");
    expect([...got.keys()].toSorted()).toEqual(["500", "v1"]);
    expect(isLikely(got.get("v1") ?? 0, 200, 0.5)).toBe(true);
  });
});
