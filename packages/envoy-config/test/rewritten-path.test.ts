import { describe, expect, test } from "@jest/globals";
import { pathRewriterOf, type Route, type RouteMatch, type UrlRewrite } from "@umbra/envoy-config";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { pathRewrite } from "../src/bootstrap/path-rewrite.ts";

type PathRewrite = NonNullable<UrlRewrite["path"]>;

function route(path: RouteMatch["path"], rewrite: UrlRewrite | undefined): Route {
  const none = { set: [], add: [], remove: [] };
  return {
    name: "default/r/0/0",
    origin: { route: { namespace: "default", name: "r" }, rule: 0, match: 0 },
    match: { path, headers: [], queryParams: [] },
    requestHeaders: none,
    responseHeaders: none,
    action: { kind: "forward", backends: [] },
    mirrors: [],
    pickMode: "buffered",
    ...(rewrite === undefined ? {} : { rewrite }),
  };
}

const prefix = (value: string): RouteMatch["path"] => ({ kind: "prefix", value });
const replacePrefix = (value: string): UrlRewrite => ({
  path: { kind: "replacePrefixMatch", value },
});
const replaceFull = (value: string): UrlRewrite => ({ path: { kind: "replaceFullPath", value } });
const chat = "/v1/chat/completions";

describe("the path that the endpoint gets", () => {
  test.each([
    { match: "/ns/model", to: "/", path: `/ns/model${chat}`, want: chat },
    { match: "/ns/model/", to: "/", path: `/ns/model${chat}`, want: chat },
    { match: "/ns/model", to: "/", path: "/ns/model", want: "/" },
    { match: "/ns/model", to: "/", path: "/ns/model/", want: "/" },
    { match: "/ns/model", to: "/", path: "/ns/model//v1", want: "/v1" },
    { match: "/openai", to: "/v1", path: "/openai/chat/completions", want: chat },
    { match: "/openai", to: "/v1/", path: "/openai/chat/completions", want: chat },
    { match: "/openai/", to: "/v1", path: "/openai", want: "/v1" },
    { match: "/", to: "/v1", path: "/chat/completions", want: chat },
    { match: "/", to: "/v1", path: "/", want: "/v1/" },
    { match: "/", to: "/", path: chat, want: chat },
    { match: "/a", to: "/b", path: "/ab/c", want: "/ab/c" },
    { match: "/a.c", to: "/$&", path: "/a.c/d", want: "/$&/d" },
  ])("of $path with $match replaced by $to is $want", ({ match, to, path, want }) => {
    expect(pathRewriterOf(route(prefix(match), replacePrefix(to)))?.(path)).toBe(want);
  });

  test.each([
    { kind: "exact" as const, value: "/chat" },
    { kind: "prefix" as const, value: "/chat" },
    { kind: "regex" as const, value: "/chat/[0-9]+" },
  ])("can be replaced completely after a match of kind $kind", (path) => {
    expect(pathRewriterOf(route(path, replaceFull(chat)))?.("/chat/7")).toBe(chat);
  });

  test("is the client's path without a rewrite", () => {
    expect(pathRewriterOf(route(prefix("/"), undefined))).toBeUndefined();
    expect(pathRewriterOf(route(prefix("/"), { hostname: "a.example" }))).toBeUndefined();
  });

  test("equals Envoy's result with the rendered route", () => {
    const segments = fc
      .array(fc.constantFrom("a", "b", "v1", "a.c", "$1", ""), { maxLength: 4 })
      .map((names) => `/${names.join("/")}`);
    fc.assert(
      fc.property(segments, segments, segments, fc.boolean(), (from, to, rest, isFull) => {
        const rewrite = isFull ? replaceFull(to) : replacePrefix(to);
        const of = route(prefix(from), rewrite);
        const bare = from.replace(/\/+$/, "");
        const path = `${bare}${rest}`;
        const rendered = pathRewrite(rewrite.path as PathRewrite, of.match);
        expect(pathRewriterOf(of)?.(path)).toBe(byEnvoy(rendered, bare === "" ? "/" : bare, path));
      }),
      { numRuns: propertyRuns(200, 3_000) },
    );
  });
});

/** Rewrites as Envoy does: replaces the text that the match or an expression found. */
function byEnvoy(rendered: Readonly<Record<string, unknown>>, matched: string, path: string) {
  if (typeof rendered.prefix_rewrite === "string") {
    return `${rendered.prefix_rewrite}${path.slice(matched.length)}`;
  }
  const regex = rendered.regex_rewrite as
    | { readonly pattern: { readonly regex: string }; readonly substitution: string }
    | undefined;
  if (regex === undefined) return path;
  const text = regex.substitution.replaceAll("\\\\", "\\");
  return path.replace(new RegExp(regex.pattern.regex), () => text);
}
