import { describe, expect, test } from "@jest/globals";
import { readTopology, renderBootstrap, renderPart } from "@umbra/envoy-config";
import fc from "fast-check";
import { parse } from "yaml";
import { unknownUnderscores } from "../src/bootstrap/underscore-pattern.ts";
import { underscoreHeaders } from "../src/header-names.ts";

const ref = "{group: inference.networking.k8s.io, kind: InferencePool, name: llama}";

function resources(rule: string, annotations = ""): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec: {parentRefs: [{name: gateway}], rules: [{backendRefs: [${ref}]${rule}}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: 10.0.0.1:8000${annotations}}}
spec: {targetPorts: [{number: 8000}]}
---
apiVersion: v1
kind: Service
metadata: {name: plain, annotations: {umbra.dev/endpoints: 10.0.0.2:8000, umbra.dev/picker: none}}
spec: {ports: [{port: 80}]}
`;
}

type Setting = "Reject" | "Drop" | "Allow";

/** Returns the connection manager of the only listener. */
function manager(text: string, underscores: Setting = "Reject") {
  const { topology } = readTopology([{ name: "example.yaml", text }]);
  const bootstrap = parse(renderBootstrap(topology, { underscores }));
  const [chain] = bootstrap.static_resources.listeners[0].filter_chains;
  return chain.filters[0].typed_config;
}

interface Filter {
  readonly name: string;
  readonly typed_config: Record<string, never>;
}

function filterOf(name: string, text: string, underscores: Setting = "Reject"): Filter | undefined {
  const filters: readonly Filter[] = manager(text, underscores).http_filters;
  return filters.find((each) => each.name === name);
}

/** The script that looks at names of headers; undefined where there is none. */
function script(text: string, underscores: Setting = "Reject"): string | undefined {
  const config = filterOf("umbra.underscores", text, underscores)?.typed_config;
  return (config as { default_source_code?: { inline_string: string } } | undefined)
    ?.default_source_code?.inline_string;
}

/** How the sidecar is asked. */
function pick(text: string, underscores: Setting = "Reject"): string {
  return JSON.stringify(filterOf("umbra.pick", text, underscores));
}

describe("allowed headers with an underscore", () => {
  test.each([
    { name: "documented ones", rule: "", annotations: "", want: '{["session_id"] = true}' },
    {
      name: "headers that a route matches, in lower case",
      rule: ", matches: [{headers: [{name: My_Team, value: a}]}]",
      annotations: "",
      want: '{["my_team"] = true, ["session_id"] = true}',
    },
    {
      name: "not headers without an underscore",
      rule: ", matches: [{headers: [{name: x-team, value: a}]}]",
      annotations: "",
      want: '{["session_id"] = true}',
    },
    {
      name: "the header with a pool's model",
      rule: "",
      annotations: ", umbra.dev/model-header: x_model",
      want: '{["session_id"] = true, ["x_model"] = true}',
    },
    {
      name: "the header of a session",
      rule: "}, {backendRefs: [{name: plain, port: 80}], sessionPersistence: {type: Header, sessionName: my_session}",
      annotations: "",
      want: '{["my_session"] = true, ["session_id"] = true}',
    },
  ])("$name", ({ rule, annotations, want }) => {
    expect(script(resources(rule, annotations))?.split("\n")[0]).toBe(`local known = ${want}`);
  });

  test("the pattern takes every name with an underscore that is not known, and no other", () => {
    const name = fc.string({
      unit: fc.constantFrom("a", "b", "-", "_", "^", ".", "*", "|", "$", "+", "7"),
      minLength: 1,
      maxLength: 8,
    });
    const known = fc.array(
      name.filter((each) => each.includes("_")),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(known, fc.array(name, { maxLength: 20 }), (known, others) => {
        const pattern = new RegExp(`^(?:${unknownUnderscores(known)})$`);
        const near = known.flatMap((each) => [each, each.slice(0, -1), `${each}a`, `${each}_`]);
        const all = [...others, ...near];
        expect(all.filter((each) => pattern.test(each))).toEqual(
          all.filter((each) => each.includes("_") && !known.includes(each)),
        );
      }),
    );
  });

  test("of very many names, the beginnings are kept in a pattern that Envoy accepts", () => {
    const known = Array.from({ length: 300 }, (_, n) => `x_${n}_${"long-name-".repeat(10)}${n}`);
    const regex = unknownUnderscores(known);
    expect(regex.length).toBeLessThan(60_000);
    const pattern = new RegExp(`^(?:${regex})$`);
    expect(known.filter((name) => pattern.test(name))).toEqual([]);
    const others = ["x_forwarded_for", "x_a", "_", "content_length", "x_7", "y_7_long"];
    expect(others.filter((name) => !pattern.test(name))).toEqual([]);
  });
});

describe("very many header names with an underscore", () => {
  const long = (n: number) => `x_${n}_${"long-name-".repeat(10)}`;
  const headers = (count: number) =>
    Array.from({ length: count }, (_, n) => `{name: ${long(n)}, value: a}`).join(", ");
  const files = (count: number) => {
    const text = resources(`, matches: [{headers: [{name: x_b, value: a}, ${headers(count)}]}]`);
    return [{ name: "example.yaml", text }];
  };

  test("pass up to 12,000 characters, the shortest first, and one finding names the rest", () => {
    const { topology, diagnostics } = readTopology(files(300));
    const { known, leftOut } = underscoreHeaders(topology);
    expect(known).toEqual(expect.arrayContaining(["session_id", "x_b", long(0), long(9)]));
    expect(known.join(",").length).toBeLessThanOrEqual(12_000);
    expect(known.length + leftOut.size).toBe(302);
    expect(diagnostics.map(({ code, severity }) => ({ code, severity }))).toEqual([
      { code: "UMB0321", severity: "warning" },
    ]);
  });

  test("up to there give no finding", () => {
    const { topology, diagnostics } = readTopology(files(100));
    expect(underscoreHeaders(topology).leftOut.size).toBe(0);
    expect(diagnostics).toEqual([]);
  });

  test("count twice where Envoy's escape doubles a percent sign", () => {
    const { topology } = readTopology(
      files(100).map(({ name, text }) => ({
        name,
        text: text.replaceAll("long-name", "%%%%%%%%%"),
      })),
    );
    const { known } = underscoreHeaders(topology);
    expect(known.join(",").replaceAll("%", "%%").length).toBeLessThanOrEqual(12_000);
  });
});

describe("other headers with an underscore", () => {
  const takeOff = { remove_on_match: { key_matcher: { safe_regex: expect.anything() } } };
  const routed = (underscores: Setting) =>
    JSON.stringify(manager(resources(""), underscores).route_config);

  test("with Reject the sidecar sees them, knows which may pass, and the script does not run", () => {
    expect(pick(resources(""))).toContain('{"contains":"_"}');
    expect(routed("Reject")).toContain('{"key":"x-umbra-underscores","value":"session_id"}');
    expect(routed("Reject")).toContain(
      '"umbra.underscores":{"@type":"type.googleapis.com/envoy.config.route.v3.FilterConfig","disabled":true}',
    );
  });

  test("a name with a percent sign is no command to Envoy", () => {
    const match = ", matches: [{headers: [{name: x_%START_TIME%, value: a}]}]";
    expect(JSON.stringify(manager(resources(match)).route_config)).toContain(
      '{"key":"x-umbra-underscores","value":"session_id,x_%%start_time%%"}',
    );
  });

  test("with Reject a route without a pick has the script", () => {
    const plain = resources("").replaceAll(ref, "{name: plain, port: 80}");
    expect(script(plain)).toContain("handle:respond");
    expect(JSON.stringify(manager(plain).route_config)).not.toContain("FilterConfig");
  });

  test("with Reject what no one has refused is taken off before the endpoint", () => {
    const names = (manager(resources("")).http_filters as readonly Filter[]).map(
      ({ name }) => name,
    );
    expect(names.slice(1, 3)).toEqual(["umbra.pick", "umbra.unrefused-underscores"]);
    expect(filterOf("umbra.unrefused-underscores", resources(""))?.typed_config).toMatchObject({
      mutations: { request_mutations: [takeOff] },
    });
  });

  test("with Reject they are taken off before a third-party picker, whose own ones pass", () => {
    const pickers = new Map([["llama", { address: "10.0.0.9:9002", isTls: false }]]);
    const files = [{ name: "example.yaml", text: resources("") }];
    const { topology } = readTopology(files, { pickers });
    const bootstrap = parse(renderBootstrap(topology, { underscores: "Reject" }));
    const [chain] = bootstrap.static_resources.listeners[0].filter_chains;
    const filters: readonly Filter[] = chain.filters[0].typed_config.http_filters;
    expect(filters.map(({ name }) => name)).toEqual([
      "umbra.underscores",
      "umbra.pick",
      "umbra.unrefused-underscores",
      "umbra.external-pick",
      "umbra.observe",
      "envoy.filters.http.router",
    ]);
  });

  test("with Drop they are taken off before a route is matched, and no script runs", () => {
    const { early_header_mutation_extensions: early } = manager(resources(""), "Drop");
    expect(early[1].typed_config.mutations).toEqual([takeOff]);
    expect(script(resources(""), "Drop")).toBeUndefined();
  });

  test.each(["Drop", "Allow"] as const)("with %s the sidecar refuses none", (underscores) => {
    expect(pick(resources(""), underscores)).not.toContain('{"contains":"_"}');
    expect(routed(underscores)).not.toContain("x-umbra-underscores");
    expect(routed(underscores)).not.toContain("FilterConfig");
  });

  test("with Allow, nothing checks them", () => {
    expect(script(resources(""), "Allow")).toBeUndefined();
    expect(filterOf("umbra.unrefused-underscores", resources(""), "Allow")).toBeUndefined();
    expect(manager(resources(""), "Allow").early_header_mutation_extensions).toHaveLength(1);
  });

  test.each(["pick-filter", "route-config"] as const)(
    "the part %s leaves them to the bootstrap that takes it",
    (part) => {
      const { topology } = readTopology([{ name: "example.yaml", text: resources("") }]);
      const text = renderPart(topology, part, { underscores: "Reject" });
      expect(text).not.toMatch(/underscores|contains/);
    },
  );
});

test("a reply mentions an underscore only if Umbra's script rejected the request", () => {
  const { topology } = readTopology([{ name: "example.yaml", text: resources("") }]);
  const bootstrap = parse(renderBootstrap(topology, { underscores: "Reject" }));
  const [chain] = bootstrap.static_resources.listeners[0].filter_chains;
  const { mappers } = chain.filters[0].typed_config.local_reply_config;
  const filters = (mappers as readonly { filter: unknown; body_format_override: unknown }[])
    .filter((each) => JSON.stringify(each.body_format_override).includes("underscore"))
    .map(({ filter }) => JSON.stringify(filter));
  expect(filters).toHaveLength(2);
  for (const filter of filters) {
    expect(filter).not.toContain("lua_response");
    expect(filter).toContain('"match_if_key_not_found":false');
  }
  expect(script(resources(""))).toContain('set("umbra.underscores", "refused", true)');
});
