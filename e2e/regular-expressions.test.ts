import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";

const envoyBinary =
  process.env.ENVOY_BIN ?? fileURLToPath(new URL("../.cache/envoy/1.40.0/envoy", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "umbra-regex-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function resources(expression: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "List",
    items: [
      {
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "Gateway",
        metadata: { name: "g" },
        spec: {
          gatewayClassName: "umbra",
          listeners: [{ name: "http", port: 8080, protocol: "HTTP" }],
        },
      },
      {
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "HTTPRoute",
        metadata: { name: "r" },
        spec: {
          parentRefs: [{ name: "g" }],
          rules: [
            {
              matches: [
                { headers: [{ name: "x-a", type: "RegularExpression", value: expression }] },
              ],
              backendRefs: [{ name: "s", port: 80 }],
            },
          ],
        },
      },
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "s", annotations: { "umbra.dev/endpoints": "10.0.0.1:80" } },
        spec: { ports: [{ port: 80 }] },
      },
    ],
  });
}

const place = "a-regular-expression";
const { topology } = readTopology([{ name: "a.json", text: resources(place) }]);
const bootstrap = renderBootstrap(topology);

function envoyTakes(expression: string): boolean {
  // A function, since a replacement may have `$`.
  return envoyStartsWith(bootstrap.replace(place, () => JSON.stringify(expression)));
}

function envoyStartsWith(text: string): boolean {
  const file = join(folder, "envoy.yaml");
  writeFileSync(file, text);
  return spawnSync(envoyBinary, ["--mode", "validate", "-c", file]).status === 0;
}

function umbraTakes(expression: string): boolean {
  const { diagnostics } = readTopology([{ name: "a.json", text: resources(expression) }]);
  return diagnostics.every(({ severity }) => severity !== "error");
}

const cases: readonly (readonly [string, boolean])[] = [
  ...[
    "v[12].*",
    "(?i)gold",
    "(?P<n>a)",
    "(?<n>a)",
    "\\pL+",
    "[[:alpha:]]",
    "\\Qa.b\\E",
    "(?s).\\z",
  ],
  ...[
    "a{1000}",
    "a{2,}",
    "x*?",
    "]",
    "\\C",
    "\\x{FF}",
    "[a\\-z]",
    "(?-i:a)",
    "^a|b$",
    "\\bA\\B",
    "(?P<n>a)(?P<n>b)",
    "\\Q\\x{100}\\E",
    "é",
  ],
].map((expression) => [expression, true] as const);
const refused: readonly (readonly [string, boolean])[] = [
  ...["(", ")", "[", "*", "a**", "a{1001}", "(a{100}){100}", "x{2,1}", "[b-a]", "(?=a)", "(?<!a)"],
  ...["\\1", "\\Z", "\\h", "\\u0041", "(?a)", "\\p{Nope}", "[[:nope:]]", "\\x{110000}", "a\\"],
  ...["\\x{100}", "(?>a)"],
].map((expression) => [expression, false] as const);

test.each([...cases, ...refused])(
  "%s: Envoy takes it: %s, and so does Umbra",
  (expression, isTaken) => {
    expect(envoyTakes(expression)).toBe(isTaken);
    expect(umbraTakes(expression)).toBe(isTaken);
  },
);

test("Envoy takes the filters of a route with very many header names", () => {
  const headers = Array.from({ length: 300 }, (_, n) => ({
    ...{ type: "RegularExpression", value: "a" },
    name: `x_${n}_${"long-name-".repeat(10)}${n}`,
  }));
  const text = resources("a").replace(
    /"headers":\[[^\]]*\]/,
    () => `"headers":${JSON.stringify(headers)}`,
  );
  for (const underscores of ["Reject", "Drop"] as const) {
    const { topology } = readTopology([{ name: "a.json", text }]);
    const rendered = renderBootstrap(topology, { underscores });
    expect(rendered).toContain("x_99_");
    expect(envoyStartsWith(rendered)).toBe(true);
  }
});
