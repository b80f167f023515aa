import { describe, expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";
import { parse } from "yaml";

const gateway = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  metadata: { name: "g" },
  spec: { listeners: [{ name: "http", port: 8080, protocol: "HTTP" }] },
};

function rendered(value: string): string {
  const route = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "r" },
    spec: {
      parentRefs: [{ name: "g" }],
      rules: [
        {
          matches: [{ headers: [{ name: "x-a", value }], queryParams: [{ name: "q", value }] }],
          filters: [
            {
              type: "RequestHeaderModifier",
              requestHeaderModifier: { set: [{ name: "x-b", value }] },
            },
          ],
          backendRefs: [{ name: "s", port: 80 }],
        },
      ],
    },
  };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s" },
    spec: { ports: [{ port: 80 }] },
  };
  const text = [gateway, route, service].map((each) => JSON.stringify(each)).join("\n---\n");
  const { topology, diagnostics } = readTopology([{ name: "a", text }]);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return renderBootstrap(topology);
}

describe("a value that YAML takes for another type stays text, also for Envoy, which reads YAML 1.1", () => {
  test.each([
    "yes",
    "no",
    "on",
    "off",
    "y",
    "N",
    "True",
    "null",
    "~",
    "012",
    "0x1F",
    "0b1",
    "1_000",
    "12:30:45",
    "2020-01-01",
    "1e400",
    ".inf",
    "-.NaN",
    "<<",
    "=",
    "!!binary x",
    "&a",
    "*a",
    "- a",
    "a: b",
    "# c",
    "%x",
    "[",
    "{",
    "|",
    " x ",
  ])("%p", (value) => {
    const text = rendered(value);
    for (const version of ["1.1", "1.2"] as const) {
      const [{ filter_chains: chains }] = parse(text, { version }).static_resources.listeners;
      const [{ routes }] = chains[0].filters[0].typed_config.route_config.virtual_hosts;
      const [{ match, request_headers_to_add: added }] = routes;
      expect(match.headers[0].string_match.exact).toBe(value);
      expect(match.query_parameters[0].string_match.exact).toBe(value);
      expect(added[0].header.value).toBe(value.replaceAll("%", "%%"));
    }
  });
});
