import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type ApiClient, isKubernetesError } from "@umbra/kubernetes";
import { parseAllDocuments } from "yaml";
import { pathOf } from "../../packages/cli/src/install/api-path.ts";
import type { Manifest } from "../../packages/cli/src/install/manifests.ts";
import { runUmbra } from "../harness/processes.ts";
import { installDefinitions } from "./definitions.ts";
import { KubeServer } from "./kube-server.ts";

const peerSecret = { namespace: "umbra", name: "umbra-peers" };

describe("umbra install --dry-run", () => {
  let kube: KubeServer;
  let admin: ApiClient;
  const install = (user: "admin" | "watcher", ...more: readonly string[]) =>
    runUmbra("install", "--dry-run", "--kube", "--kubeconfig", kube.kubeconfig(user), ...more);

  beforeAll(async () => {
    kube = await KubeServer.start();
    admin = kube.client();
  }, 150_000);

  afterAll(async () => {
    await admin.close();
    await kube.close();
  }, 30_000);

  test("names the definitions that an empty cluster has to have first", async () => {
    const { status, stderr } = await install("admin", "-o", "table");
    expect(status).toBe(1);
    expect(stderr).toContain("no definitions of gatewayclasses, gateways, httproutes");
    expect(stderr).toContain("no definitions of inferencepools");
    expect(stderr).toContain('GatewayClass "umbra": the cluster has no definition of');
  }, 60_000);

  test("has nothing missing after what it prints is applied in its order", async () => {
    await installDefinitions(admin);
    const before = await install("admin");
    expect(before).toMatchObject({ status: 0, stderr: expect.stringMatching(/\d+ missing\n$/) });
    for (const document of parseAllDocuments(before.stdout)) {
      await apply(admin, document.toJS() as Manifest);
    }
    const secret = { apiVersion: "v1", kind: "Secret", metadata: peerSecret };
    await apply(admin, { ...secret, stringData: { "peer-secret": "0".repeat(32) } });
    const after = await install("admin");
    expect(after.stdout).toBe(before.stdout);
    expect(after.stderr).toMatch(/^(\d+) objects: \1 there\n$/);
  }, 120_000);

  test("finds what was changed since", async () => {
    await admin.request({
      method: "PATCH",
      path: "/apis/apps/v1/namespaces/umbra/deployments/umbra",
      contentType: "application/merge-patch+json",
      body: { spec: { replicas: 7 } },
    });
    const { status, stdout } = await install("admin", "-o", "table");
    expect(status).toBe(0);
    expect(stdout).toMatch(/Deployment .* differs/);
  }, 60_000);

  test("names each right that an account lacks", async () => {
    const { status, stderr } = await install("watcher", "-o", "table", "--mode", "picker");
    expect(status).toBe(1);
    expect(stderr).toMatch(/Deployment "umbra": this account has no right to get deployments.apps/);
    expect(stderr).toMatch(/Namespace "umbra": this account has no right to get namespaces/);
  }, 60_000);
});

/** Server-side apply, as `kubectl apply --server-side` does it; a new kind takes a moment. */
async function apply(client: ApiClient, manifest: Manifest): Promise<void> {
  await client
    .request({
      method: "PATCH",
      path: pathOf(manifest),
      query: { fieldManager: "kubectl", fieldValidation: "Strict" },
      contentType: "application/apply-patch+yaml",
      body: manifest,
    })
    .catch((cause: unknown) => {
      throw isKubernetesError(cause)
        ? new Error(`${manifest.kind} ${manifest.metadata.name}: ${cause.message}`, { cause })
        : cause;
    });
}
