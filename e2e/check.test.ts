import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { startProcess, umbra } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const route = (path: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  listeners: [{name: http, port: 8080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - matches: [{path: {type: RegularExpression, value: '${path}'}}]
      backendRefs: [{name: svc, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: svc, annotations: {umbra.dev/endpoints: 127.0.0.1:8000}}
spec: {ports: [{port: 80}]}
`;

async function check(text: string, ...args: readonly string[]) {
  const file = join(mkdtempSync(join(tmpdir(), "umbra-check-")), "resources.yaml");
  writeFileSync(file, text);
  const run = startProcess(process.execPath, umbra, "check", "-f", file, ...args);
  await until("the check has ended", () => run.process.exitCode !== null);
  return { status: run.process.exitCode, output: run.output() };
}

describe("umbra check --envoy", () => {
  test("has no findings where Envoy takes the bootstrap without a warning", async () => {
    const { status, output } = await check(
      route("/v[12]/.*"),
      "--envoy",
      "--failure-threshold",
      "info",
    );
    expect(output).toContain("no errors found");
    expect(status).toBe(0);
  });

  test("says what Envoy says", async () => {
    const { status, output } = await check(route("/(?=v1).*"), "--envoy");
    expect(output).toMatch(/error UMB\d{4} .*(invalid perl operator|RE2|regex)/i);
    expect(status).toBe(1);
  });
});

test("Envoy takes what umbra init writes, and check finds nothing in it", async () => {
  const folder = join(mkdtempSync(join(tmpdir(), "umbra-init-")), "umbra");
  const endpoints = ["--primary", "10.0.0.1:8000,10.0.0.2:8000", "--shadow", "10.0.1.1:8000"];
  const models = ["--model", "llama", "--shadow-model", "llama-fp8", "--hostname", "*.example.com"];
  for (const [index, flags] of [endpoints, [...endpoints, ...models]].entries()) {
    const into = `${folder}-${index}`;
    const init = startProcess(process.execPath, umbra, "init", "-y", "--dir", into, ...flags);
    await until("init has ended", () => init.process.exitCode !== null);
    const args = ["check", "-f", into, "--envoy", "--failure-threshold", "info"];
    const run = startProcess(process.execPath, umbra, ...args);
    await until("the check has ended", () => run.process.exitCode !== null);
    expect(run.output()).toMatch(/no errors found; Envoy accepts the bootstrap\s*$/);
    expect(run.process.exitCode).toBe(0);
  }
}, 60_000);

test("a pipe that comes slowly is waited for", () => {
  const command = `(sleep 0.5; cat) | "${process.execPath}" "${umbra}" check -f -`;
  const { status, stderr } = spawnSync("sh", ["-c", command], {
    input: route("/v1"),
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringContaining("no errors found"),
  });
});
