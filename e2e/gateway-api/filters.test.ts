import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { until } from "../harness/until.ts";
import {
  type EchoGateway,
  httpRoute,
  isLikely,
  type Resource,
  type Row,
  startEchoGateway,
  titleOf,
  to,
} from "./echo-gateway.ts";

/** What filters make of a request and its answer: tables after the conformance tests of the Gateway API, through the real Envoy. */

const under = (value: string) => ({ matches: [{ path: { value } }] });
const redirect = (requestRedirect: Resource) => ({
  filters: [{ type: "RequestRedirect", requestRedirect }],
});
const rewrite = (urlRewrite: Resource) => ({ type: "URLRewrite", urlRewrite });
const requestHeaders = (requestHeaderModifier: Resource) => ({
  type: "RequestHeaderModifier",
  requestHeaderModifier,
});
const responseHeaders = (responseHeaderModifier: Resource) => ({
  type: "ResponseHeaderModifier",
  responseHeaderModifier,
});
const mirror = (name: string, percent: number) => ({
  type: "RequestMirror",
  requestMirror: { backendRef: { name, port: 8080 }, percent },
});
const prefix = (replacePrefixMatch: string) => ({
  path: { type: "ReplacePrefixMatch", replacePrefixMatch },
});
const whole = (replaceFullPath: string) => ({
  path: { type: "ReplaceFullPath", replaceFullPath },
});
const edits = {
  set: [{ name: "X-Header-Set", value: "set-overwrites" }],
  add: [{ name: "X-Header-Add", value: "added" }],
  remove: ["X-Header-Remove"],
};

const routes = [
  httpRoute(
    "redirect",
    { ...under("/host"), ...redirect({ hostname: "example.org" }) },
    { ...under("/host-and-status"), ...redirect({ hostname: "example.org", statusCode: 301 }) },
    { ...under("/see-other"), ...redirect({ hostname: "example.org", statusCode: 303 }) },
    { ...under("/temporary"), ...redirect({ hostname: "example.org", statusCode: 307 }) },
    { ...under("/permanent"), ...redirect({ hostname: "example.org", statusCode: 308 }) },
    { ...under("/scheme"), ...redirect({ scheme: "https" }) },
    { ...under("/scheme-and-port"), ...redirect({ scheme: "https", port: 8443 }) },
    { ...under("/port"), ...redirect({ port: 8083 }) },
    { ...under("/port-80"), ...redirect({ port: 80 }) },
    { ...under("/original"), ...redirect(prefix("/replacement")) },
    { ...under("/bare"), ...redirect(prefix("/")) },
    { ...under("/full"), ...redirect(whole("/full-replacement")) },
    { ...under("/path-and-host"), ...redirect({ hostname: "example.org", ...prefix("/new") }) },
  ),
  httpRoute(
    "rewrite",
    { ...under("/prefix/one"), filters: [rewrite(prefix("/one"))], ...to("v1") },
    { ...under("/strip"), filters: [rewrite(prefix("/"))], ...to("v1") },
    { ...under("/full/one"), filters: [rewrite(whole("/one"))], ...to("v1") },
    { ...under("/full/odd"), filters: [rewrite(whole("/a\\1%b"))], ...to("v1") },
    {
      ...under("/both"),
      filters: [rewrite(prefix("/prefix")), requestHeaders(edits)],
      ...to("v1"),
    },
    { ...under("/host"), filters: [rewrite({ hostname: "one.example.org" })], ...to("v2") },
    {
      ...under("/host-and-path"),
      filters: [rewrite({ hostname: "one.example.org", ...whole("/p") })],
      ...to("v2"),
    },
  ),
  httpRoute(
    "request-headers",
    { filters: [requestHeaders(edits)], ...to("v1") },
    {
      ...under("/literal"),
      filters: [requestHeaders({ set: [{ name: "X-Literal", value: '100% %REQ(host)% "q"' }] })],
      ...to("v1"),
    },
  ),
  httpRoute("response-headers", { filters: [responseHeaders(edits)], ...to("v1") }),
  httpRoute("backend-filters", {
    backendRefs: ["v1", "v2"].map((name) => ({
      ...{ name, port: 8080, weight: 10 },
      filters: [
        requestHeaders({ set: [{ name: "X-Backend", value: name }], remove: ["X-Secret"] }),
        responseHeaders({ set: [{ name: "X-Answered-By", value: name }] }),
      ],
    })),
  }),
  httpRoute(
    "backend-routing",
    {
      ...under("/rewrite"),
      backendRefs: [
        { name: "v1", port: 8080, weight: 3, filters: [rewrite(prefix("/one"))] },
        { name: "v2", port: 8080, weight: 1, filters: [rewrite(whole("/two"))] },
        { name: "v3", port: 8080, weight: 4 },
      ],
    },
    {
      ...under("/redirect"),
      backendRefs: [
        {
          ...{ name: "v1", port: 8080, weight: 1 },
          filters: [
            { type: "RequestRedirect", requestRedirect: { hostname: "new.test" } },
            responseHeaders({ set: [{ name: "X-Moved", value: "1" }] }),
          ],
        },
        { name: "v2", port: 8080, weight: 3 },
        { name: "gone", port: 8080, weight: 4 },
      ],
    },
    {
      ...under("/mirror"),
      backendRefs: [
        { name: "v1", port: 8080, weight: 1 },
        { name: "v2", port: 8080, weight: 1, filters: [mirror("v3", 100)] },
      ],
    },
    {
      ...under("/part"),
      filters: [mirror("v3", 40)],
      backendRefs: [
        { name: "v1", port: 8080, weight: 1, filters: [rewrite(whole("/part/1"))] },
        { name: "v2", port: 8080, weight: 1, filters: [rewrite(whole("/part/2"))] },
      ],
    },
    {
      ...under("/plain"),
      filters: [mirror("v3", 40)],
      backendRefs: [
        { name: "v1-plain", port: 8080, weight: 1, filters: [rewrite(whole("/plain/1"))] },
        { name: "v2-plain", port: 8080, weight: 1, filters: [rewrite(whole("/plain/2"))] },
      ],
    },
    {
      ...under("/alone"),
      ...to("v1", { filters: [rewrite({ hostname: "one.example.org", ...prefix("/") })] }),
    },
  ),
  httpRoute("backend-rewrite", {
    ...to("v1", { filters: [rewrite({ hostname: "one.example.org" })] }),
  }),
];

let gateway: EchoGateway;
beforeAll(async () => {
  gateway = await startEchoGateway(routes);
}, 60_000);
afterAll(() => gateway?.stop());

function table(name: string, rows: readonly Row[]): void {
  describe(name, () => {
    test.each(rows.map((row) => [titleOf(row), row] as const))("%s", async (_, row) => {
      const outcome = await gateway.ask(row);
      expect(outcome).toMatchObject({ status: 200, ...row.see });
      for (const header of row.lacks ?? []) expect(outcome.seen).not.toHaveProperty(header);
    });
  });
}

const moved = (location: string, status = 302) => ({ status, location });

table("HTTPRouteRedirectHostAndStatus, 303, 307, 308", [
  { ask: "GET redirect.test/host", see: moved("http://example.org:PORT/host") },
  { ask: "GET redirect.test/host?a=b", see: moved("http://example.org:PORT/host?a=b") },
  {
    ask: "GET redirect.test/host-and-status",
    see: moved("http://example.org:PORT/host-and-status", 301),
  },
  { ask: "GET redirect.test/see-other", see: moved("http://example.org:PORT/see-other", 303) },
  { ask: "GET redirect.test/temporary", see: moved("http://example.org:PORT/temporary", 307) },
  { ask: "GET redirect.test/permanent", see: moved("http://example.org:PORT/permanent", 308) },
]);

table("HTTPRouteRedirectScheme, HTTPRouteRedirectPort, HTTPRouteRedirectPortAndScheme", [
  { ask: "GET redirect.test/scheme", see: moved("https://redirect.test/scheme") },
  {
    ask: "GET redirect.test/scheme-and-port",
    see: moved("https://redirect.test:8443/scheme-and-port"),
  },
  { ask: "GET redirect.test/port", see: moved("http://redirect.test:8083/port") },
  { ask: "GET redirect.test/port-80", see: moved("http://redirect.test/port-80") },
]);

table("HTTPRouteRedirectPath", [
  {
    ask: "GET redirect.test/original/lemon",
    see: moved("http://redirect.test:PORT/replacement/lemon"),
  },
  { ask: "GET redirect.test/original", see: moved("http://redirect.test:PORT/replacement") },
  {
    ask: "GET redirect.test/original/a?b=c",
    see: moved("http://redirect.test:PORT/replacement/a?b=c"),
  },
  { ask: "GET redirect.test/bare/lemon", see: moved("http://redirect.test:PORT/lemon") },
  { ask: "GET redirect.test/bare", see: moved("http://redirect.test:PORT/") },
  {
    ask: "GET redirect.test/full/path/original",
    see: moved("http://redirect.test:PORT/full-replacement"),
  },
  { ask: "GET redirect.test/path-and-host/x", see: moved("http://example.org:PORT/new/x") },
]);

table("HTTPRouteRewritePath", [
  { ask: "GET rewrite.test/prefix/one/two", see: { path: "/one/two" } },
  { ask: "GET rewrite.test/prefix/one", see: { path: "/one" } },
  { ask: "GET rewrite.test/prefix/one/", see: { path: "/one/" } },
  { ask: "GET rewrite.test/prefix/one/two?a=/prefix/one", see: { path: "/one/two?a=/prefix/one" } },
  { ask: "GET rewrite.test/strip/three", see: { path: "/three" } },
  { ask: "GET rewrite.test/strip", see: { path: "/" } },
  { ask: "GET rewrite.test/strip/", see: { path: "/" } },
  { ask: "GET rewrite.test/strip?a=b", see: { path: "/?a=b" } },
  { ask: "GET rewrite.test/full/one/two", see: { path: "/one" } },
  { ask: "GET rewrite.test/full/one/two?a=b", see: { path: "/one?a=b" } },
  { ask: "GET rewrite.test/full/odd", see: { path: "/a\\1%b" } },
  {
    ask: "GET rewrite.test/both/one",
    with: { "x-header-remove": "1" },
    see: {
      path: "/prefix/one",
      seen: { "x-header-set": "set-overwrites", "x-header-add": "added" },
    },
    lacks: ["x-header-remove"],
  },
]);

table("HTTPRouteRewriteHost", [
  { ask: "GET rewrite.test/host/x", see: { from: "v2", host: "one.example.org", path: "/host/x" } },
  { ask: "GET rewrite.test/host-and-path/x", see: { host: "one.example.org", path: "/p" } },
]);

table("HTTPRouteRequestHeaderModifier", [
  {
    ask: "GET request-headers.test/",
    see: { seen: { "x-header-set": "set-overwrites", "x-header-add": "added" } },
  },
  {
    ask: "GET request-headers.test/",
    with: {
      "x-header-set": "old",
      "x-header-add": "old",
      "x-header-remove": "old",
      "x-other": "kept",
    },
    see: {
      seen: { "x-header-set": "set-overwrites", "x-header-add": "old, added", "x-other": "kept" },
    },
    lacks: ["x-header-remove"],
  },
  {
    ask: "GET request-headers.test/literal",
    see: { seen: { "x-literal": '100% %REQ(host)% "q"' } },
  },
]);

table("HTTPRouteResponseHeaderModifier", [
  {
    ask: "GET response-headers.test/",
    see: { answered: { "x-header-set": "set-overwrites", "x-header-add": "added" } },
  },
  {
    ask: "GET response-headers.test/",
    with: { "x-echo": "X-Header-Set: old" },
    see: { answered: { "x-header-set": "set-overwrites" } },
  },
  {
    ask: "GET response-headers.test/",
    with: { "x-echo": "X-Header-Add: old" },
    see: { answered: { "x-header-add": ["old", "added"] } },
  },
]);

test("HTTPRouteResponseHeaderModifier removes", async () => {
  const { answered } = await gateway.ask({
    ask: "GET response-headers.test/",
    with: { "x-echo": "X-Header-Remove: old" },
  });
  expect(answered).not.toHaveProperty("x-header-remove");
});

test("HTTPRouteRequestHeaderModifierBackendWeights: each backend's filters hold for its own requests", async () => {
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, () =>
      gateway.ask({
        ask: "GET backend-filters.test/",
        with: { "x-backend": "none", "x-secret": "1" },
      }),
    ),
  );
  expect(new Set(outcomes.map(({ from }) => from))).toEqual(new Set(["v1", "v2"]));
  for (const { from, seen, answered } of outcomes) {
    expect({ seen, answered }).toMatchObject({
      seen: { "x-backend": from },
      answered: { "x-answered-by": from },
    });
    expect(seen).not.toHaveProperty("x-secret");
  }
});

table("HTTPRouteBackendRequestHeaderModifier, rewrites of a single backend", [
  { ask: "GET backend-rewrite.test/x", see: { host: "one.example.org", path: "/x" } },
]);

table("Filters that give a backend a route of its own", [
  {
    ask: "GET backend-routing.test/alone/x?a=b",
    see: { from: "v1", host: "one.example.org", path: "/x?a=b" },
  },
]);

/** Each answer to many requests of one kind. */
const answers = (count: number, ask: string) =>
  Promise.all(Array.from({ length: count }, (_, n) => gateway.ask({ ask: `${ask}?n=${n}` })));

function expectShares(found: readonly unknown[], shares: Readonly<Record<string, number>>): void {
  const counts = Object.fromEntries(
    Object.keys(shares).map((name) => [name, found.filter((each) => String(each) === name).length]),
  );
  const unlikely = Object.entries(shares).filter(
    ([name, share]) => !isLikely(counts[name] ?? 0, found.length, share),
  );
  expect({ counts, unlikely }).toEqual({ counts, unlikely: [] });
  expect(Object.values(counts).reduce((sum, each) => sum + each, 0)).toBe(found.length);
}

test("backends with paths of their own keep their shares, and every request has the path of its backend", async () => {
  const outcomes = await answers(400, "GET backend-routing.test/rewrite/x");
  expectShares(
    outcomes.map(({ from, path = "" }) => `${from} ${path.replace(/\?.*/, "")}`),
    { "v1 /one/x": 3 / 8, "v2 /two": 1 / 8, "v3 /rewrite/x": 4 / 8 },
  );
});

test("a backend that redirects answers its share, next to others and one that can't be resolved", async () => {
  const outcomes = await answers(400, "GET backend-routing.test/redirect/x");
  expectShares(
    outcomes.map(({ from, status }) => from ?? status),
    { 302: 1 / 8, v2: 3 / 8, 500: 4 / 8 },
  );
  for (const { location, answered } of outcomes.filter(({ status }) => status === 302)) {
    expect({ location, answered }).toMatchObject({
      location: expect.stringMatching(/^http:\/\/new\.test:PORT\/redirect\/x\?n=/),
      answered: { "x-moved": "1" },
    });
  }
});

test("a backend that mirrors has its own share copied, and no other", async () => {
  const outcomes = await answers(200, "GET backend-routing.test/mirror");
  expectShares(
    outcomes.map(({ from }) => from),
    { v1: 1 / 2, v2: 1 / 2 },
  );
  const of = (name: string) =>
    outcomes.flatMap(({ from, path }) => (from === name ? [path] : [])).toSorted();
  const copied = () =>
    gateway
      .received("v3", "/mirror?n=")
      .map(({ path }) => path)
      .toSorted();
  await until("all copies are there", () => copied().length >= of("v2").length);
  expect(copied()).toEqual(of("v2"));
});

test.each([
  ["the sidecar", "/part"],
  ["Envoy", "/plain"],
])("a mirror of the rule that %s samples copies the same part of every share", async (_, rule) => {
  const outcomes = await answers(400, `GET backend-routing.test${rule}`);
  for (const [name, path] of [
    ["v1", `${rule}/1`],
    ["v2", `${rule}/2`],
  ] as const) {
    const answered = outcomes.filter(({ from }) => from === name).length;
    await until(`a likely part of what ${name} answers is copied`, () =>
      isLikely(gateway.received("v3", path).length, answered, 0.4),
    );
  }
});
