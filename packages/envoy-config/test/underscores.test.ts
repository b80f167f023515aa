import { describe, expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";
import { parse } from "yaml";

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

/** Returns the script that checks header names; undefined without one. */
function script(
  text: string,
  underscores: "Reject" | "Drop" | "Allow" = "Reject",
): string | undefined {
  const { topology } = readTopology([{ name: "example.yaml", text }]);
  const bootstrap = parse(renderBootstrap(topology, { underscores }));
  const [chain] = bootstrap.static_resources.listeners[0].filter_chains;
  const [first] = chain.filters[0].typed_config.http_filters;
  return first.typed_config.default_source_code?.inline_string;
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

  test.each([
    { underscores: "Reject" as const, want: "handle:respond" },
    { underscores: "Drop" as const, want: ":remove(name)" },
  ])("others follow the setting: $underscores", ({ underscores, want }) => {
    expect(script(resources(""), underscores)).toContain(want);
  });

  test("with Allow, nothing checks them", () => {
    expect(script(resources(""), "Allow")).toBeUndefined();
  });
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
