import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "@jest/globals";
import type { ApiClient, JsonObject } from "@umbra/kubernetes";
import { request } from "undici";
import { parseAllDocuments } from "yaml";
import { type ModelServer, startModelServers, stopModelServers } from "../harness/model-servers.ts";
import { freePorts } from "../harness/ports.ts";
import { type Running, runUmbra, startUmbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { startControllers } from "./controllers.ts";
import { installDefinitions } from "./definitions.ts";
import { KubeServer } from "./kube-server.ts";

/** In a network of its own (scripts/test-kube.mjs), addresses of this network are this machine's. */
const podNetwork = process.env.UMBRA_KUBE_PODS ?? "";
const inPodNetwork = podNetwork === "" ? test.skip : test;

const folder = fileURLToPath(new URL("scenario", import.meta.url));
const files = ["gateway", "inference_app", "inference_rules", "sleep"];
const primary = "vllm-llama2-7b-pool";
const shadow = "vllm-llama2-7b-pool-1";

/** Without a node, a pod is in no EndpointSlice. */
const nodeName = "here";

/** Envoy Gateway's own definition is not in a Go module of few parts; Umbra reads of it what it knows. */
const envoyProxies = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "envoyproxies.gateway.envoyproxy.io" },
  spec: {
    group: "gateway.envoyproxy.io",
    scope: "Namespaced",
    names: { plural: "envoyproxies", singular: "envoyproxy", kind: "EnvoyProxy" },
    versions: [
      {
        ...{ name: "v1alpha1", served: true, storage: true },
        schema: {
          openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    ],
  },
};

const question = {
  ...{ model: "/model/llama2", max_completion_tokens: 100, temperature: 0 },
  messages: [{ role: "user", content: "introduce yourself" }],
};

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
}, 60_000);

inPodNetwork(
  "the reference scenario's files, applied as they are, are served and mirrored with smart picks on both sides",
  async () => {
    const kube = await KubeServer.start();
    closing.push(() => kube.close());
    const admin = kube.client();
    closing.push(() => admin.close());
    closing.push(startControllers(kube));
    await installDefinitions(admin);
    await admin.request({
      ...{ method: "POST", body: envoyProxies },
      path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    });
    const objects = files.flatMap((name) =>
      parseAllDocuments(readFileSync(join(folder, `${name}.yaml`), "utf8")).map(
        (document) => document.toJS() as JsonObject,
      ),
    );
    for (const object of objects) await apply(admin, object);
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: nodeName } };
    await admin.request({ method: "POST", path: "/api/v1/nodes", body: node });
    const primaries = await startPods(admin, primary, 1);
    const shadows = await startPods(admin, shadow, 2);

    const [grpc, adminPort, envoyAdmin] = await freePorts(3);
    const address = `127.0.0.1:${adminPort}`;
    const up = start(
      ...["up", "--kube", "--kubeconfig", kube.kubeconfig("admin"), "--namespace", "default"],
      ...["--gateway-class", "example-gateway-class", "--grpc", `127.0.0.1:${grpc}`],
      ...["--admin", address, "--envoy-admin", `127.0.0.1:${envoyAdmin}`],
    );
    await until("umbra up is ready", () => up.output().includes("umbra: ready"), 90_000);
    await until("requests are answered", async () => (await ask()).status === 200, 60_000).catch(
      (cause: Error) => {
        throw new Error(`${cause.message}\n${up.output().slice(-3_000)}`);
      },
    );
    const answers: Awaited<ReturnType<typeof ask>>[] = [];
    for (let count = 0; count < 20; count++) answers.push(await ask());
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(answers[0]?.answer).toMatchObject({ choices: [{ index: 0 }] });
    const counts = (): string => `${total(shadows)} of ${total(primaries)}`;
    await until("all are mirrored", () => total(shadows) === total(primaries)).catch(async () => {
      throw new Error(`${counts()} mirrored: ${await textAt(`http://${address}/v1/mirrors`)}`);
    });
    expect(total(primaries)).toBeGreaterThanOrEqual(20);
    // Both of the shadow's pods got some: a plain Service is picked for as well as a pool.
    expect(shadows.map(requestsOf)).not.toContain(0);
    const { stdout } = await runUmbra("report", "--admin", address, "-o", "json");
    expect(JSON.parse(stdout)).toMatchObject({
      candidate: { pool: expect.stringContaining(shadow) },
      verdict: { status: "INCONCLUSIVE" },
    });
  },
  300_000,
);

/** As in the scenario's own words. */
async function ask(): Promise<{ readonly status: number; readonly answer: unknown }> {
  const { statusCode: status, body } = await request("http://127.0.0.1:80/v1/chat/completions", {
    method: "POST",
    headers: { host: "example.com", "content-type": "application/json" },
    body: JSON.stringify(question),
  });
  const text = await body.text();
  return { status, answer: status === 200 ? JSON.parse(text) : text };
}

async function textAt(url: string): Promise<string> {
  const { body } = await request(url);
  return body.text();
}

function start(...args: readonly string[]): Running {
  const running = startUmbra(...args);
  closing.push(() => running.stop());
  return running;
}

const plurals: Readonly<Record<string, string>> = {
  GatewayClass: "gatewayclasses",
  EnvoyProxy: "envoyproxies",
};

/** Creates an object as `kubectl apply` does, in the namespace "default" if it names none. */
async function apply(client: ApiClient, object: JsonObject): Promise<void> {
  const { apiVersion, kind } = object as { readonly apiVersion: string; readonly kind: string };
  const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const inside = kind === "GatewayClass" ? base : `${base}/namespaces/default`;
  const plural = plurals[kind] ?? `${kind.toLowerCase()}s`;
  await client.request({ method: "POST", path: `${inside}/${plural}`, body: object });
}

/** What a kubelet does: ready pods of a Deployment with a simulated model server each. */
async function startPods(client: ApiClient, app: string, subnet: number): Promise<ModelServer[]> {
  const ips = [1, 2].map((host) => `${podNetwork}.${subnet}.${host}`);
  const started = await Promise.all(ips.map((host) => startModelServers(1, { host, port: 8_000 })));
  const servers = started.flat();
  closing.push(() => stopModelServers(servers));
  const pods = "/api/v1/namespaces/default/pods";
  for (const [index, ip] of ips.entries()) {
    const name = `${app}-${index}`;
    const ports = [{ containerPort: 8_000, name: "http", protocol: "TCP" }];
    await apply(client, {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name, labels: { app } } },
      spec: { nodeName, containers: [{ name: "lora", image: "llama2", ports }] },
    });
    const status = {
      ...{ phase: "Running", podIP: ip, podIPs: [{ ip }] },
      conditions: [{ type: "Ready", status: "True" }],
    };
    await client.request({
      ...{ method: "PATCH", path: `${pods}/${name}/status`, body: { status } },
      contentType: "application/merge-patch+json",
    });
  }
  return servers;
}

function requestsOf({ server }: ModelServer): number {
  return server.state().requestsServed;
}

function total(servers: readonly ModelServer[]): number {
  return servers.reduce((sum, each) => sum + requestsOf(each), 0);
}
