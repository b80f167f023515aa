import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import type { StoredKind, StoredObject } from "../../../testing/api-server/scripted-store.ts";
import { type Ran, runCommand } from "./run-command.ts";

const gatewayApi = { group: "gateway.networking.k8s.io", version: "v1", isNamespaced: true };
const gateways: StoredKind = { ...gatewayApi, plural: "gateways", kind: "Gateway" };
const classes: StoredKind = {
  ...{ ...gatewayApi, plural: "gatewayclasses", kind: "GatewayClass", isNamespaced: false },
};
const routes: StoredKind = { ...gatewayApi, plural: "httproutes", kind: "HTTPRoute" };

const gateway = parse(`
metadata: { name: gw, namespace: team }
spec: { gatewayClassName: umbra, listeners: [{ name: http, port: 8080, protocol: HTTP }] }
`) as StoredObject;

function route(path: string): StoredObject {
  return parse(`
metadata: { name: chat, namespace: team }
spec: { parentRefs: [{ name: gw }], rules: [{ matches: [{ path: { type: Exact, value: ${path} } }] }] }
`) as StoredObject;
}

const folder = mkdtempSync(join(tmpdir(), "umbra-check-kube-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("umbra check --kube", () => {
  let server: ScriptedApiServer;
  const kubeconfig = join(folder, "config");
  const check = (...more: readonly string[]): Promise<Ran> =>
    runCommand(["check", "--kube", "--kubeconfig", kubeconfig, ...more]);

  beforeEach(async () => {
    server = new ScriptedApiServer();
    await server.start();
    server
      .install(classes)
      .put({ metadata: { name: "umbra" }, spec: { controllerName: "umbra.dev/gateway" } });
    server.install(gateways).put(gateway);
    const config = {
      "current-context": "here",
      clusters: [{ name: "c", cluster: { server: server.url } }],
      contexts: [{ name: "here", context: { cluster: "c", namespace: "team" } }],
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
  });

  afterEach(() => server.stop());

  test("finds what files would have, and names the object", async () => {
    server.install(routes).put(route("no-slash"));
    const { status, stderr } = await check();
    expect(status).toBe(1);
    expect(stderr).toContain("HTTPRoute team/chat");
    expect(stderr).toContain("spec.rules[0].matches[0].path");
  });

  test("accepts sound objects, with files in addition", async () => {
    server.install(routes).put(route("/chat"));
    const file = join(folder, "service.yaml");
    writeFileSync(
      file,
      "apiVersion: v1\nkind: Service\nmetadata: { name: s, namespace: team }\nspec: { ports: [{ port: 80 }] }\n",
    );
    const { status, stderr } = await check("-f", file);
    expect({ status, stderr }).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/no errors found/),
    });
  });

  test("warns of a right that is missing, and checks the rest", async () => {
    server.install(routes);
    server.forbid("list", "httproutes");
    const { status, stderr } = await check();
    expect(status).toBe(0);
    expect(stderr).toMatch(/^warning: httproutes.* does not allow to list it; add this rule/m);
  });

  test("ends with one sentence when the API server does not answer", async () => {
    await server.stop();
    const aborted = AbortSignal.timeout(3_000);
    const { status, stderr } = await runCommand(["check", "--kube", "--kubeconfig", kubeconfig], {
      signal: aborted,
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/the API server can't be read: .*ECONNREFUSED/);
  });
});
