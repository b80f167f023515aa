import { describe, expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";
import { parse } from "yaml";

/** Renders a rule and returns its first route. */
function rendered(rule: object, listener: object = {}): Rendered {
  const resources = [
    resource("gateway.networking.k8s.io/v1", "Gateway", {
      listeners: [{ name: "http", port: 8080, protocol: "HTTP", ...listener }],
    }),
    resource("gateway.networking.k8s.io/v1", "HTTPRoute", {
      parentRefs: [{ name: "x" }],
      rules: [rule],
    }),
    {
      ...resource("v1", "Service", { ports: [{ port: 80 }] }),
      metadata: { name: "x", annotations: { "umbra.dev/endpoints": "10.0.0.1:8000" } },
    },
  ];
  const text = resources.map((each) => JSON.stringify(each)).join("\n---\n");
  const { topology, diagnostics } = readTopology([{ name: "x", text }]);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  const bootstrap = parse(renderBootstrap(topology));
  const [chain] = bootstrap.static_resources.listeners[0].filter_chains;
  return chain.filters[0].typed_config.route_config.virtual_hosts[0].routes[0];
}

interface Rendered {
  readonly route: Readonly<Record<string, unknown>> & Rewrite;
  readonly redirect: Readonly<Record<string, unknown>> & Rewrite;
}

interface Rewrite {
  readonly prefix_rewrite?: string;
  readonly regex_rewrite?: { readonly pattern: { regex: string }; readonly substitution: string };
}

function resource(apiVersion: string, kind: string, spec: object): object {
  return { apiVersion, kind, metadata: { name: "x" }, spec };
}

const backendRefs = [{ name: "x", port: 80 }];

/** Rewrites a path as Envoy does: replaces the text matched by the route or by the expression. */
function rewritten(path: string, prefix: string, { prefix_rewrite, regex_rewrite }: Rewrite) {
  if (prefix_rewrite !== undefined) {
    return `${prefix_rewrite}${path.slice(prefix === "/" ? 1 : prefix.replace(/\/$/, "").length)}`;
  }
  if (regex_rewrite === undefined) return path;
  return path.replace(new RegExp(regex_rewrite.pattern.regex), regex_rewrite.substitution);
}

describe("ReplacePrefixMatch", () => {
  // The first eleven cases are from the Gateway API's table.
  const cases = [
    ["/foo/bar", "/foo", "/xyz", "/xyz/bar"],
    ["/foo/bar", "/foo", "/xyz/", "/xyz/bar"],
    ["/foo/bar", "/foo/", "/xyz", "/xyz/bar"],
    ["/foo/bar", "/foo/", "/xyz/", "/xyz/bar"],
    ["/foo", "/foo", "/xyz", "/xyz"],
    ["/foo/", "/foo", "/xyz", "/xyz/"],
    ["/foo/bar", "/foo", "", "/bar"],
    ["/foo/", "/foo", "", "/"],
    ["/foo", "/foo", "", "/"],
    ["/foo/", "/foo", "/", "/"],
    ["/foo", "/foo", "/", "/"],
    ["/bar", "/", "/xyz", "/xyz/bar"],
    ["/", "/", "/xyz", "/xyz/"],
    ["/bar", "/", "/", "/bar"],
    ["/v1.0/bar", "/v1.0", "/", "/bar"],
    ["/a/b/c", "/a/b", "/x/y/z", "/x/y/z/c"],
  ] as const;

  test.each(cases)("%s of prefix %s with %j becomes %s", (path, prefix, value, expected) => {
    const replace = { type: "ReplacePrefixMatch", replacePrefixMatch: value };
    const matches = [{ path: { type: "PathPrefix", value: prefix } }];
    const { route } = rendered({
      matches,
      filters: [{ type: "URLRewrite", urlRewrite: { path: replace } }],
      backendRefs,
    });
    const { redirect } = rendered({
      matches,
      filters: [{ type: "RequestRedirect", requestRedirect: { path: replace } }],
    });
    expect(rewritten(path, prefix, route)).toBe(expected);
    expect(rewritten(path, prefix, redirect)).toBe(expected);
  });
});

describe("the port of a redirect", () => {
  const cases = [
    { port: 80, to: {}, expected: {} },
    { port: 8080, to: {}, expected: { port_redirect: 8080 } },
    { port: 8080, to: { port: 80 }, expected: { port_redirect: 80 } },
    { port: 80, to: { scheme: "https" }, expected: { scheme_redirect: "https" } },
    {
      port: 8080,
      to: { scheme: "https" },
      expected: { scheme_redirect: "https", port_redirect: 443 },
    },
    {
      port: 80,
      to: { scheme: "https", port: 8443 },
      expected: { scheme_redirect: "https", port_redirect: 8443 },
    },
    {
      port: 8080,
      to: { scheme: "https", hostname: "a.example.com" },
      expected: { scheme_redirect: "https", host_redirect: "a.example.com" },
    },
    {
      port: 8080,
      to: { hostname: "a.example.com" },
      expected: { host_redirect: "a.example.com", port_redirect: 8080 },
    },
    {
      port: 8080,
      hostname: "b.example.com",
      to: { scheme: "http" },
      expected: { scheme_redirect: "http", host_redirect: "b.example.com" },
    },
    {
      port: 8080,
      hostname: "*.example.com",
      to: { scheme: "http" },
      expected: { scheme_redirect: "http", port_redirect: 80 },
    },
  ];

  test.each(cases)("of port $port to $to", ({ port, hostname, to, expected }) => {
    const { redirect } = rendered(
      { filters: [{ type: "RequestRedirect", requestRedirect: to }] },
      { port, ...(hostname === undefined ? {} : { hostname }) },
    );
    expect(redirect).toEqual({ ...expected, response_code: "FOUND" });
  });
});

describe("timeouts", () => {
  const cases = [
    { timeouts: undefined, timeout: "0s", perTry: undefined },
    { timeouts: { request: "0s" }, timeout: "0s", perTry: undefined },
    { timeouts: { request: "10s" }, timeout: "10s", perTry: undefined },
    { timeouts: { request: "10s", backendRequest: "4s" }, timeout: "4s", perTry: "4s" },
    { timeouts: { request: "10s", backendRequest: "0s" }, timeout: "10s", perTry: undefined },
    { timeouts: { request: "0s", backendRequest: "4s" }, timeout: "4s", perTry: "4s" },
    { timeouts: { backendRequest: "1h2m3s4ms" }, timeout: "3723.004s", perTry: "3723.004s" },
    { timeouts: { request: "10s", backendRequest: "4s" }, retry: {}, timeout: "10s", perTry: "4s" },
    { timeouts: { backendRequest: "4s" }, retry: {}, timeout: "0s", perTry: "4s" },
  ];

  test.each(cases)("$timeouts with retry $retry", ({ timeouts, retry, timeout, perTry }) => {
    const { route } = rendered({ timeouts, retry, backendRefs });
    expect(route).toMatchObject({ timeout });
    expect((route.retry_policy as { per_try_timeout?: string }).per_try_timeout).toBe(perTry);
  });
});

interface HeaderChanges {
  readonly request_headers_to_add?: readonly {
    readonly header: { readonly key: string; readonly value: string };
    readonly append_action: string;
  }[];
  readonly request_headers_to_remove?: readonly string[];
}

/** Changes headers as Envoy does: removes first, then adds in order. */
function changed(headers: Record<string, string>, changes: HeaderChanges): Record<string, string> {
  const result = { ...headers };
  for (const name of changes.request_headers_to_remove ?? []) delete result[name];
  for (const { header, append_action } of changes.request_headers_to_add ?? []) {
    const before = append_action.startsWith("APPEND") ? result[header.key] : undefined;
    result[header.key] = before === undefined ? header.value : `${before},${header.value}`;
  }
  return result;
}

describe("a backend's own header modifier is applied after the rule's", () => {
  const entry = (value: string) => [{ name: "X-A", value }];
  const cases = [
    { rule: { set: entry("r") }, backend: { set: entry("b") }, expected: { "x-a": "b" } },
    { rule: { set: entry("r") }, backend: { add: entry("b") }, expected: { "x-a": "r,b" } },
    { rule: { set: entry("r") }, backend: { remove: ["x-a"] }, expected: {} },
    { rule: { add: entry("r") }, backend: { set: entry("b") }, expected: { "x-a": "b" } },
    { rule: { add: entry("r") }, backend: { add: entry("b") }, expected: { "x-a": "c,r,b" } },
    { rule: { add: entry("r") }, backend: { remove: ["X-A"] }, expected: {} },
    { rule: { remove: ["X-A"] }, backend: { set: entry("b") }, expected: { "x-a": "b" } },
    { rule: { remove: ["X-A"] }, backend: { add: entry("b") }, expected: { "x-a": "b" } },
    { rule: { set: entry("r") }, backend: {}, expected: { "x-a": "r" } },
  ];

  test.each(cases)("$rule, then $backend", ({ rule, backend, expected }) => {
    const modifier = (value: object) => ({
      type: "RequestHeaderModifier",
      requestHeaderModifier: value,
    });
    const { route, ...own } = rendered({
      filters: [modifier(rule)],
      backendRefs: [{ name: "x", port: 80, filters: [modifier(backend)] }],
    });
    const { clusters } = route.weighted_clusters as { readonly clusters: readonly HeaderChanges[] };
    expect(own).not.toHaveProperty("request_headers_to_add");
    expect(changed({ "x-a": "c" }, clusters[0] ?? {})).toEqual(expected);
  });
});

test("a backend's own hostname overrides the rule's, which still applies to other backends", () => {
  const hostname = (value: string) => ({ type: "URLRewrite", urlRewrite: { hostname: value } });
  const { route } = rendered({
    filters: [hostname("rule.internal")],
    backendRefs: [
      { name: "x", port: 80, filters: [hostname("own.internal")] },
      { name: "x", port: 80 },
    ],
  });
  const { clusters } = route.weighted_clusters as { readonly clusters: readonly object[] };
  // If both have one, Envoy uses the route's.
  expect(route).not.toHaveProperty("host_rewrite_literal");
  expect(clusters).toMatchObject([
    { host_rewrite_literal: "own.internal" },
    { host_rewrite_literal: "rule.internal" },
  ]);
});
