// The chart's manifests on a real API server: each object is taken.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ApiClient } from "@umbra/kubernetes";
import { parse } from "yaml";
import { caseNamed, chartCases, objectsOf } from "../chart/chart-files.ts";
import { podOf } from "../chart/pod.ts";
import { apply, createNamespace } from "./applied-chart.ts";
import { installDefinitions, monitoringFolder } from "./definitions.ts";
import { KubeServer } from "./kube-server.ts";

let kube: KubeServer;
let admin: ApiClient;

beforeAll(async () => {
  kube = await KubeServer.start();
  admin = kube.client();
  await installDefinitions(admin);
  await installDefinitions(admin, [monitoringFolder()]);
  for (const name of ["umbra", "team-a", "team-b"]) await createNamespace(admin, name);
}, 300_000);

afterAll(async () => {
  await admin.close();
  await kube.close();
}, 60_000);

describe.each(chartCases)("the manifest $name", (chartCase) => {
  test.each(
    objectsOf(chartCase).map((object) => ({
      object,
      of: `${object.kind} ${object.metadata.name}`,
    })),
  )("the API server takes $of, and knows each of its fields", async ({ object }) => {
    const { metadata } = await apply(admin, object, "dry-run");
    expect(metadata).toMatchObject({ name: object.metadata.name });
  });
});

test("the API server takes the alerts, and knows each of their fields", async () => {
  // As the chart has them: `npm run test:chart` compares.
  const file = new URL("../../deploy/prometheus/umbra-alerts.yaml", import.meta.url);
  const spec = parse(readFileSync(file, "utf8")) as object;
  const metadata = { name: "umbra", namespace: "umbra" };
  const rule = { apiVersion: "monitoring.coreos.com/v1", kind: "PrometheusRule", metadata, spec };
  expect(await apply(admin, rule, "dry-run")).toMatchObject({ kind: "PrometheusRule" });
  const unknown = { ...rule, spec: { groups: [{ name: "a", rules: [{ alret: "A" }] }] } };
  await expect(apply(admin, unknown, "dry-run")).rejects.toThrow(/unknown field/);
});

test.each(["gateway", "picker-all"])(
  "a namespace with the restricted pod security standard takes the pods of %s",
  async (name) => {
    const restricted = `restricted-${name}`;
    await createNamespace(admin, restricted, {
      "pod-security.kubernetes.io/enforce": "restricted",
    });
    const { pod } = podOf(objectsOf(caseNamed(name)));
    const metadata = { name: "umbra", namespace: restricted };
    const object = { apiVersion: "v1", kind: "Pod", metadata, spec: pod };
    expect(await apply(admin, object, "dry-run")).toMatchObject({ kind: "Pod" });
  },
);
