import { expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";

function problemOf(value: string): string | undefined {
  const route = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "r" },
    spec: { rules: [{ matches: [{ path: { type: "RegularExpression", value } }] }] },
  };
  const { diagnostics } = readTopology([{ name: "r.json", text: JSON.stringify(route) }]);
  const found = diagnostics.find(({ code }) => code === "UMB0227");
  return found?.message.replace(/^.*expression: /, "");
}

// What Envoy takes and refuses is compared with this in e2e/regular-expressions.test.ts.
test.each([
  { value: "/v1/(chat", problem: "missing closing ): `/v1/(chat`" },
  { value: "/(?=v1).*", problem: "invalid or unsupported Perl syntax: `(?=`" },
  { value: "/a{1001}", problem: "invalid repeat count: `{1001}`" },
  { value: "/\\Z", problem: "invalid escape sequence: `\\Z`" },
  { value: "/(?P<a>b)(?P<a>c)", problem: undefined },
  { value: "/\\C.*", problem: undefined },
])("$value: $problem", ({ value, problem }) => {
  expect(problemOf(value)).toBe(problem);
});

test("a file of expressions that would take minutes to compile is read in seconds", () => {
  const slow = `(${"(a*)*".repeat(18)}){1000}`;
  const matches = Array.from({ length: 60 }, (_, i) => ({
    path: { type: "RegularExpression", value: `/${i}${slow}` },
  }));
  const routes = Array.from({ length: 10 }, (_, i) => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: `r${i}` },
    spec: { rules: [{ matches }] },
  }));
  const text = routes.map((each) => JSON.stringify(each)).join("\n---\n");
  const startedMs = performance.now();
  const { diagnostics } = readTopology([{ name: "r.yaml", text }]);
  expect(performance.now() - startedMs).toBeLessThan(20_000);
  expect(diagnostics.map(({ code }) => code)).not.toContain("UMB0227");
}, 300_000);

test("an expression that would take long to compile is left to Envoy", () => {
  const startedMs = performance.now();
  expect(problemOf(`/${".{1000}".repeat(5_000)}`)).toBeUndefined();
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});
