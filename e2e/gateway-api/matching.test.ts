import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type EchoGateway,
  httpRoute,
  httpRouteOf,
  type Row,
  startEchoGateway,
  titleOf,
  to,
} from "./echo-gateway.ts";

/** Which rule answers: tables after the conformance tests of the Gateway API, through the real Envoy. */

const path = (value: string, type = "PathPrefix") => ({ path: { type, value } });
const headers = (...pairs: readonly (readonly [name: string, value: string])[]) => ({
  headers: pairs.map(([name, value]) => ({ name, value })),
});
const query = (...pairs: readonly (readonly [name: string, value: string])[]) => ({
  queryParams: pairs.map(([name, value]) => ({ name, value })),
});
const at = (name: string, sectionName?: string) => ({ parentRefs: [{ name, sectionName }] });

const routes = [
  httpRoute(
    "matching",
    { matches: [path("/"), headers(["version", "one"])], ...to("v1") },
    { matches: [path("/v2"), headers(["version", "two"])], ...to("v2") },
  ),
  httpRouteOf(
    { name: "across-1", hostnames: ["across.test", "across.example"] },
    { matches: [path("/"), headers(["version", "one"])], ...to("v1") },
  ),
  httpRouteOf(
    { name: "across-2", hostnames: ["across.test"] },
    { matches: [path("/v2"), headers(["version", "two"])], ...to("v2") },
  ),
  httpRoute(
    "exact-path",
    { matches: [path("/one", "Exact")], ...to("v1") },
    { matches: [path("/two", "Exact")], ...to("v2") },
  ),
  httpRoute(
    "path-order",
    { matches: [path("/match/exact", "Exact")], ...to("v2") },
    { matches: [path("/match/exact/one", "Exact")], ...to("v3") },
    { matches: [path("/match", "Exact"), path("/match/prefix")], ...to("v1") },
    { matches: [path("/match/prefix/one")], ...to("v2") },
    { matches: [path("/match")], ...to("v3") },
  ),
  httpRoute(
    "regex",
    { matches: [path("/v[0-9]+/[a-z]+", "RegularExpression")], ...to("v1") },
    { matches: [path("/v1")], ...to("v2") },
    { matches: [path("/v1/exact", "Exact")], ...to("v3") },
  ),
  httpRoute(
    "headers",
    { matches: [headers(["version", "one"])], ...to("v1") },
    { matches: [headers(["version", "two"])], ...to("v2") },
    { matches: [headers(["version", "two"], ["color", "orange"])], ...to("v1") },
    { matches: [headers(["color", "blue"]), headers(["color", "green"])], ...to("v1") },
    { matches: [headers(["color", "red"]), headers(["color", "yellow"])], ...to("v2") },
    {
      matches: [{ headers: [{ name: "shape", type: "RegularExpression", value: "sq.*|round" }] }],
      ...to("v3"),
    },
    { matches: [headers(["Twice", "a"], ["twice", "b"])], ...to("v3") },
  ),
  httpRoute(
    "query",
    { matches: [query(["animal", "whale"])], ...to("v1") },
    { matches: [query(["animal", "dolphin"])], ...to("v2") },
    { matches: [query(["animal", "dolphin"], ["color", "blue"])], ...to("v3") },
    { matches: [query(["ANIMAL", "Whale"])], ...to("v3") },
    { matches: [{ ...path("/path1"), ...query(["animal", "whale"]) }], ...to("v2") },
    { matches: [{ ...headers(["version", "one"]), ...query(["animal", "whale"]) }], ...to("v2") },
  ),
  httpRoute(
    "methods",
    { matches: [{ method: "POST" }], ...to("v1") },
    { matches: [{ method: "GET" }], ...to("v2") },
    { matches: [{ ...path("/path1"), method: "GET" }], ...to("v1") },
    { matches: [{ ...headers(["version", "one"]), method: "PUT" }], ...to("v2") },
    // A method goes before any number of headers.
    { matches: [headers(["a", "1"], ["b", "2"])], ...to("v3") },
  ),
  httpRouteOf(
    { name: "narrow", hostnames: ["a.wide.test"] },
    { matches: [path("/only")], ...to("v1") },
  ),
  httpRouteOf(
    { name: "wide", hostnames: ["*.wide.test"] },
    { matches: [path("/"), path("/only/exact", "Exact")], ...to("v2") },
  ),
];

const hostnames = [
  httpRouteOf(
    {
      name: "specific-specific",
      hostnames: ["non.matching.test", "very.specific.test"],
      ...at("hostnames"),
    },
    { matches: [path("/s1")], ...to("v1") },
  ),
  httpRouteOf(
    {
      name: "specific-wildcard",
      hostnames: [
        "non.matching.test",
        "wildcard.test",
        "foo.wildcard.test",
        "bar.wildcard.test",
        "foo.bar.wildcard.test",
      ],
      ...at("hostnames"),
    },
    { matches: [path("/s2")], ...to("v2") },
  ),
  httpRouteOf(
    {
      name: "wildcard-specific",
      hostnames: ["non.matching.test", "*.specific.test"],
      ...at("hostnames"),
    },
    { matches: [path("/s3")], ...to("v3") },
  ),
  httpRouteOf(
    { name: "wildcard-wildcard", hostnames: ["*.anotherwildcard.test"], ...at("hostnames") },
    { matches: [path("/s4")], ...to("v1") },
  ),
  httpRouteOf({ name: "listener-1", hostnames: [], ...at("listeners", "listener-1") }, to("v1")),
  httpRouteOf({ name: "listener-2", hostnames: [], ...at("listeners", "listener-2") }, to("v2")),
  httpRouteOf({ name: "listener-3", hostnames: [], ...at("listeners", "listener-3") }, to("v3")),
  ...["empty", "wildcard", "wildcard-foo", "exact"].flatMap((section) => [
    httpRouteOf(
      { name: `isolated-${section}`, hostnames: [], ...at("isolated", section) },
      { matches: [path(`/${section}`)], ...to("v1") },
    ),
    httpRouteOf(
      {
        name: `crossed-${section}`,
        hostnames: ["bar.test", "*.iso.test", "*.foo.iso.test", "abc.foo.iso.test"],
        ...at("crossed", section),
      },
      { matches: [path(`/${section}`)], ...to("v1") },
    ),
  ]),
];

const isolated = [
  { name: "empty" },
  { name: "wildcard", hostname: "*.iso.test" },
  { name: "wildcard-foo", hostname: "*.foo.iso.test" },
  { name: "exact", hostname: "abc.foo.iso.test" },
];

let gateway: EchoGateway;
beforeAll(async () => {
  gateway = await startEchoGateway([...routes, ...hostnames], {
    hostnames: [
      { name: "h1", hostname: "very.specific.test" },
      { name: "h2", hostname: "*.wildcard.test" },
      { name: "h3", hostname: "*.anotherwildcard.test" },
    ],
    listeners: [
      { name: "listener-1", hostname: "bar.test" },
      { name: "listener-2", hostname: "foo.bar.test" },
      { name: "listener-3", hostname: "*.bar.test" },
    ],
    isolated,
    crossed: isolated,
  });
}, 60_000);
afterAll(() => gateway?.stop());

function table(name: string, rows: readonly Row[], on?: string): void {
  describe(name, () => {
    test.each(rows.map((row) => [titleOf(row), row] as const))("%s", async (_, row) => {
      expect(await gateway.ask(row, on)).toMatchObject({ status: 200, ...row.see });
    });
  });
}

const nobody = { status: 404 };

table("HTTPRouteMatching", [
  { ask: "GET matching.test/", see: { from: "v1" } },
  { ask: "GET matching.test/example", see: { from: "v1" } },
  { ask: "GET matching.test/", with: { version: "one" }, see: { from: "v1" } },
  { ask: "GET matching.test/v2", see: { from: "v2" } },
  { ask: "GET matching.test/v2/example", see: { from: "v2" } },
  { ask: "GET matching.test/", with: { version: "two" }, see: { from: "v2" } },
  { ask: "GET matching.test/v2/", see: { from: "v2" } },
  { ask: "GET matching.test/v2example", see: { from: "v1" } },
  { ask: "GET matching.test/foo/v2/example", see: { from: "v1" } },
  { ask: "GET unknown.test/", see: nobody },
]);

table("HTTPRouteMatchingAcrossRoutes", [
  { ask: "GET across.test/", see: { from: "v1" } },
  { ask: "GET across.test/example", see: { from: "v1" } },
  { ask: "GET across.example/example", see: { from: "v1" } },
  { ask: "GET across.test/example", with: { version: "one" }, see: { from: "v1" } },
  { ask: "GET across.test/v2", see: { from: "v2" } },
  { ask: "GET across.example/v2", see: { from: "v1" } },
  { ask: "GET across.test/v2/example", see: { from: "v2" } },
  { ask: "GET across.test/", with: { version: "two" }, see: { from: "v2" } },
]);

table("HTTPRouteExactPathMatching", [
  { ask: "GET exact-path.test/one", see: { from: "v1" } },
  { ask: "GET exact-path.test/two", see: { from: "v2" } },
  { ask: "GET exact-path.test/", see: nobody },
  { ask: "GET exact-path.test/one/example", see: nobody },
  { ask: "GET exact-path.test/two/", see: nobody },
  { ask: "GET exact-path.test/Two", see: nobody },
]);

table("HTTPRoutePathMatchOrder", [
  { ask: "GET path-order.test/match/exact/one", see: { from: "v3" } },
  { ask: "GET path-order.test/match/exact", see: { from: "v2" } },
  { ask: "GET path-order.test/match", see: { from: "v1" } },
  { ask: "GET path-order.test/match/prefix/one/any", see: { from: "v2" } },
  { ask: "GET path-order.test/match/prefix/any", see: { from: "v1" } },
  { ask: "GET path-order.test/match/any", see: { from: "v3" } },
]);

table("Paths by regular expression, whole, between exact paths and prefixes", [
  { ask: "GET regex.test/v12/chat", see: { from: "v1" } },
  { ask: "GET regex.test/v1/chat?x=1", see: { from: "v1" } },
  { ask: "GET regex.test/v1/chat/completions", see: { from: "v2" } },
  { ask: "GET regex.test/v1/exact", see: { from: "v3" } },
  { ask: "GET regex.test/x/v1/chat", see: nobody },
]);

table("HTTPRouteHeaderMatching", [
  { ask: "GET headers.test/", with: { version: "one" }, see: { from: "v1" } },
  { ask: "GET headers.test/", with: { VERSION: "two" }, see: { from: "v2" } },
  { ask: "GET headers.test/", with: { version: "two", color: "orange" }, see: { from: "v1" } },
  { ask: "GET headers.test/", with: { version: "two", color: "blue" }, see: { from: "v2" } },
  { ask: "GET headers.test/", with: { color: "orange" }, see: nobody },
  { ask: "GET headers.test/", with: { "some-other-header": "one" }, see: nobody },
  { ask: "GET headers.test/", with: { color: "blue" }, see: { from: "v1" } },
  { ask: "GET headers.test/", with: { color: "green" }, see: { from: "v1" } },
  { ask: "GET headers.test/", with: { color: "red" }, see: { from: "v2" } },
  { ask: "GET headers.test/", with: { color: "yellow" }, see: { from: "v2" } },
  { ask: "GET headers.test/", with: { color: "purple" }, see: nobody },
  { ask: "GET headers.test/", with: { shape: "square" }, see: { from: "v3" } },
  { ask: "GET headers.test/", with: { shape: "unsquare" }, see: nobody },
  { ask: "GET headers.test/", with: { twice: "a" }, see: { from: "v3" } },
  { ask: "GET headers.test/", with: { twice: "b" }, see: nobody },
]);

table("HTTPRouteQueryParamMatching", [
  { ask: "GET query.test/?animal=whale", see: { from: "v1" } },
  { ask: "GET query.test/?animal=dolphin", see: { from: "v2" } },
  { ask: "GET query.test/?animal=dolphin&color=blue", see: { from: "v3" } },
  { ask: "GET query.test/?ANIMAL=Whale", see: { from: "v3" } },
  { ask: "GET query.test/?animal=whale&otherparam=irrelevant", see: { from: "v1" } },
  { ask: "GET query.test/?animal=dolphin&color=yellow", see: { from: "v2" } },
  { ask: "GET query.test/?animal=whale&animal=dolphin", see: { from: "v1" } },
  { ask: "GET query.test/?color=blue", see: nobody },
  { ask: "GET query.test/?animal=dog", see: nobody },
  { ask: "GET query.test/?animal=whaledolphin", see: nobody },
  { ask: "GET query.test/", see: nobody },
  { ask: "GET query.test/path1?animal=whale", see: { from: "v2" } },
  { ask: "GET query.test/?animal=whale", with: { version: "one" }, see: { from: "v2" } },
]);

table("HTTPRouteMethodMatching", [
  { ask: "POST methods.test/", see: { from: "v1" } },
  { ask: "GET methods.test/", see: { from: "v2" } },
  { ask: "HEAD methods.test/", see: nobody },
  { ask: "GET methods.test/path1", see: { from: "v1" } },
  { ask: "PUT methods.test/", with: { version: "one" }, see: { from: "v2" } },
  { ask: "PUT methods.test/", see: nobody },
  { ask: "PUT methods.test/", with: { a: "1", b: "2" }, see: { from: "v3" } },
  { ask: "GET methods.test/", with: { a: "1", b: "2" }, see: { from: "v2" } },
]);

table("HTTPRoutes with overlapping hostnames", [
  { ask: "GET a.wide.test/only", see: { from: "v1" } },
  { ask: "GET a.wide.test/only/exact", see: { from: "v1" } },
  { ask: "GET a.wide.test/other", see: { from: "v2" } },
  { ask: "GET b.wide.test/only", see: { from: "v2" } },
  { ask: "GET A.Wide.test:1234/only", see: { from: "v1", host: "A.Wide.test:1234" } },
  { ask: "GET wide.test/only", see: nobody },
]);

table(
  "HTTPRouteHostnameIntersection",
  [
    { ask: "GET very.specific.test/s1", see: { from: "v1" } },
    { ask: "GET very.specific.test:1234/s1", see: { from: "v1" } },
    { ask: "GET non.matching.test/s1", see: nobody },
    { ask: "GET foo.nonmatchingwildcard.test/s1", see: nobody },
    { ask: "GET foo.wildcard.test/s1", see: nobody },
    { ask: "GET very.specific.test/other", see: nobody },
    { ask: "GET foo.wildcard.test/s2", see: { from: "v2" } },
    { ask: "GET bar.wildcard.test/s2", see: { from: "v2" } },
    { ask: "GET foo.bar.wildcard.test/s2", see: { from: "v2" } },
    { ask: "GET non.matching.test/s2", see: nobody },
    { ask: "GET wildcard.test/s2", see: nobody },
    { ask: "GET very.specific.test/s2", see: nobody },
    { ask: "GET very.specific.test/s3", see: { from: "v3" } },
    { ask: "GET foo.specific.test/s3", see: nobody },
    { ask: "GET foo.wildcard.test/s3", see: nobody },
    { ask: "GET foo.anotherwildcard.test/s4", see: { from: "v1" } },
    { ask: "GET foo.bar.anotherwildcard.test/s4", see: { from: "v1" } },
    { ask: "GET anotherwildcard.test/s4", see: nobody },
    { ask: "GET foo.wildcard.test/s4", see: nobody },
  ],
  "hostnames",
);

table(
  "HTTPRouteListenerHostnameMatching",
  [
    { ask: "GET bar.test/", see: { from: "v1" } },
    { ask: "GET foo.bar.test/", see: { from: "v2" } },
    { ask: "GET baz.bar.test/", see: { from: "v3" } },
    { ask: "GET boo.bar.test/", see: { from: "v3" } },
    { ask: "GET multiple.prefixes.bar.test/", see: { from: "v3" } },
    { ask: "GET no.matching.host/", see: nobody },
  ],
  "listeners",
);

const isolation = ["bar.test", "bar.iso.test", "bar.foo.iso.test", "abc.foo.iso.test"].flatMap(
  (host, own): readonly Row[] =>
    isolated.map(({ name }, listener) => ({
      ask: `GET ${host}/${name}`,
      see: own === listener ? { from: "v1" } : nobody,
    })),
);
table("GatewayHTTPListenerIsolation", isolation, "isolated");
table("GatewayHTTPListenerIsolation with hostnames that intersect", isolation, "crossed");
