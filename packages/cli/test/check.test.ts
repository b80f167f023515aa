import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Diagnostic } from "@umbra/envoy-config";
import { Ajv } from "ajv";
import { runCommand } from "./run-command.ts";

const schema = JSON.parse(
  readFileSync(new URL("sarif.schema.json", import.meta.url), "utf8"),
) as object;

/** One error, one warning and one info, with text that would start workflow commands or control a terminal. */
const mistakes = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  "x%0A::set-output name=a::b\\e[2J": 1
  rules: [{backendRefs: [{name: svc, port: "80"}, {name: gone, port: 80}]}]
`;

const sound = mistakes
  .replace(/ {2}"x.*\n/, "")
  .replace(/ {2}rules.*/, "  rules: []")
  .replace("80,", "8080,");

async function check(text: string, ...args: readonly string[]) {
  const file = join(mkdtempSync(join(tmpdir(), "umbra check-")), "a b.yaml");
  writeFileSync(file, text);
  const ran = await runCommand(["check", "-f", file, ...args], { readStdin: () => text });
  return { ...ran, file };
}

test("shows the line, marks the error and says how to fix it", async () => {
  const { status, stdout, stderr, file } = await check(mistakes);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(
    stderr,
  ).toContain(`${file}:13:44 error UMB0104 \`port\` must be a whole number from 1 to 65535
  13 |   rules: [{backendRefs: [{name: svc, port: "80"}, {name: gone, port: 80}]}]
     |                                            ^^^^
       help: remove the quotes: 80 (docs/errors.md#umb0104)
`);
  expect(stderr).toMatch(/\nerror: 1 error, \d warnings?, 1 info found\n$/);
});

test("uses colours only on a terminal", async () => {
  const { stderr } = await check(mistakes);
  expect(stderr).not.toContain("\x1b");
  expect(stderr).toContain("\\u001b[2J");
});

describe("-o", () => {
  test("-o diagnostics prints every finding with its fields", async () => {
    const { stdout } = await check(mistakes, "-o", "diagnostics");
    const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: readonly Diagnostic[] };
    expect(diagnostics.map(({ code }) => code)).toEqual(
      expect.arrayContaining(["UMB0104", "UMB0105", "UMB0304"]),
    );
    expect(diagnostics.find(({ code }) => code === "UMB0104")).toEqual({
      severity: "error",
      code: "UMB0104",
      message: "`port` must be a whole number from 1 to 65535",
      remedy: "remove the quotes: 80",
      file: expect.stringContaining("a b.yaml"),
      line: 13,
      column: 44,
      endColumn: 48,
      rule: { route: { namespace: "default", name: "route" }, index: 0 },
      sourceLine: '  rules: [{backendRefs: [{name: svc, port: "80"}, {name: gone, port: 80}]}]',
    });
  });

  test("-o json prints the topology, or the findings if there are errors", async () => {
    expect(JSON.parse((await check(sound, "-o", "json")).stdout)).toMatchObject({
      version: 3,
      listeners: [{ port: 8080 }],
    });
    const { stdout } = await check(mistakes, "-o", "json");
    expect(Object.keys(JSON.parse(stdout) as object)).toEqual(["diagnostics"]);
  });

  test.each([mistakes, sound])(
    "-o sarif prints a log that conforms to the schema",
    async (text) => {
      const { stdout } = await check(text, "-o", "sarif");
      const validate = new Ajv({ strict: false }).compile(schema);
      expect([validate(JSON.parse(stdout)), validate.errors]).toEqual([true, null]);
      expect(stdout).not.toContain("\x1b");
    },
  );

  test("shows the condition that a controller would set", async () => {
    const condition = {
      resource: { kind: "HTTPRoute", namespace: "default", name: "route" },
      type: "ResolvedRefs",
      status: "False",
      reason: "BackendNotFound",
    };
    const found = JSON.parse((await check(mistakes, "-o", "diagnostics")).stdout);
    expect(found.diagnostics).toContainEqual(expect.objectContaining({ condition }));
    const log = JSON.parse((await check(mistakes, "-o", "sarif")).stdout);
    expect(log.runs[0].results).toContainEqual(
      expect.objectContaining({ properties: { condition } }),
    );
    expect((await check(mistakes)).stderr).toContain(
      "[HTTPRoute default/route ResolvedRefs=False BackendNotFound]",
    );
    expect((await check(mistakes, "--github")).stderr).toContain(
      "[HTTPRoute default/route ResolvedRefs=False BackendNotFound]",
    );
  });

  test("-o sarif names the rule, level and region of each finding", async () => {
    const { stdout } = await check(mistakes, "-o", "sarif");
    const { runs } = JSON.parse(stdout);
    const [{ results, tool }] = runs;
    const result = results.find((each: { ruleId: string }) => each.ruleId === "UMB0104");
    expect(result).toMatchObject({
      level: "error",
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: expect.stringMatching(/^file:\/\/\/.*\/a%20b\.yaml$/) },
            region: { startLine: 13, startColumn: 44, endColumn: 48 },
          },
        },
      ],
    });
    expect(tool.driver.rules[result.ruleIndex].id).toBe("UMB0104");
  });
});

test("--github writes annotations, and no text in a file starts a command", async () => {
  const { stderr } = await check(mistakes, "--github");
  const lines = stderr.trimEnd().split("\n").slice(0, -1);
  expect(lines.length).toBeGreaterThanOrEqual(3);
  for (const line of lines) {
    expect(line).toMatch(
      /^::(error|warning|notice) file=[^:]*,line=\d+,col=\d+,(?:endColumn=\d+,)?title=UMB\d{4}::/,
    );
  }
  expect(stderr).not.toMatch(/^::set-output/m);
  expect(stderr).toContain("x%250A::set-output");
});

describe("--failure-threshold", () => {
  test.each([
    { text: sound, threshold: "error", status: 0 },
    { text: sound, threshold: "warning", status: 0 },
    { text: sound, threshold: "info", status: 0 },
    { text: sound.replace("8080", "80"), threshold: "info", status: 1 },
    { text: sound.replace("8080", "9901"), threshold: "warning", status: 1 },
    { text: mistakes, threshold: "error", status: 1 },
  ])("$threshold gives $status", async ({ text, threshold, status }) => {
    expect(await check(text, "--failure-threshold", threshold)).toMatchObject({ status });
  });
});

describe("--explain", () => {
  test("--explain prints the section of the page without any resources", async () => {
    const { status, stdout } = await runCommand(["check", "--explain", "umb0203"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^UMB0203\n\n\*\*Unresolved backend\*\*/);
    expect(stdout).toContain("To fix:");
    expect(stdout).not.toContain("UMB0204\n");
  });

  test.each(["UMB9999", "UMB0113"])("--explain says that there is no code %s", async (code) => {
    expect(await runCommand(["check", "--explain", code])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`no diagnostic has the code "${code}"`),
    });
  });
});

test("lines of a Secret are not shown", async () => {
  const secret =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: tls}\ndata: {tls.key: c2VjcmV0, tls.key: c2VjcmV0}\n";
  const { stderr, stdout } = await check(secret, "-o", "sarif");
  expect(stderr).toContain("UMB0111");
  expect(stderr + stdout).not.toContain("c2VjcmV0");
});

test("warns about the user's own bootstrap if it crashes Envoy", async () => {
  const bootstrap = join(mkdtempSync(join(tmpdir(), "umbra-check-")), "envoy.json");
  const guard = "envoy.reloadable_features.ext_proc_graceful_grpc_close";
  const layers = [{ name: "a", static_layer: { [guard]: true } }];
  writeFileSync(bootstrap, JSON.stringify({ layered_runtime: { layers } }));
  const { status, stdout } = await check(sound, "--bootstrap", bootstrap, "-o", "diagnostics");
  expect(status).toBe(0);
  const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: readonly Diagnostic[] };
  expect(diagnostics).toContainEqual(
    expect.objectContaining({ code: "UMB0330", severity: "warning", file: bootstrap }),
  );
});
