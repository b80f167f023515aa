import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import type { StoredKind, StoredObject } from "../../../testing/api-server/scripted-store.ts";
import { umbraProcess } from "../../../testing/umbra-command.ts";
import type { Io } from "../src/io.ts";
import { followedKinds } from "../src/kube/followed-kinds.ts";
import { freePorts } from "../src/process/free-port.ts";
import { gatewayOptions } from "../src/resources/gateway-flags.ts";
import { kubeChoiceOf } from "../src/resources/kube-flags.ts";
import { openConfiguration } from "../src/serve/configuration-input.ts";

jest.setTimeout(90_000);

const folder = mkdtempSync(join(tmpdir(), "umbra-serve-kube-"));
afterAll(() => rmSync(folder, { recursive: true }));

const pools: StoredKind = {
  ...{ group: "inference.networking.k8s.io", version: "v1" },
  ...{ plural: "inferencepools", kind: "InferencePool", isNamespaced: true },
};
const pods: StoredKind = {
  ...{ group: "", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true },
};

function pool(name: string): StoredObject {
  return parse(`
metadata: { name: ${name}, namespace: inference }
spec:
  selector: { matchLabels: { app: ${name} } }
  targetPorts: [{ number: 8000 }]
  endpointPickerRef: { name: umbra, port: { number: 9002 } }
`) as StoredObject;
}

function pod(name: string, ip: string): StoredObject {
  return parse(`
metadata: { name: ${name}, namespace: inference, labels: { app: llama } }
spec: { containers: [{ name: vllm }] }
status: { phase: Running, podIP: ${ip}, podIPs: [{ ip: ${ip} }], conditions: [{ type: Ready, status: "True" }] }
`) as StoredObject;
}

const later = { name: "later-0", namespace: "inference", labels: { app: "later" } };

describe("umbra serve --kube", () => {
  let server: ScriptedApiServer;
  let kubeconfig: string;
  const ending: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    server = new ScriptedApiServer();
    await server.start();
    server.install(pools).put(pool("llama"));
    server.install(pods).put(pod("llama-0", "127.0.0.11"));
    kubeconfig = join(folder, "config");
    const config = {
      "current-context": "here",
      clusters: [{ name: "c", cluster: { server: server.url } }],
      contexts: [{ name: "here", context: { cluster: "c", namespace: "inference" } }],
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
  });

  afterEach(async () => {
    await Promise.all(ending.splice(0).map((end) => end()));
    await server.stop();
  });

  async function start(args: readonly string[] = []) {
    const [grpc, admin] = (await freePorts(2)) as [number, number];
    const addresses = ["--grpc", `127.0.0.1:${grpc}`, "--admin", `127.0.0.1:${admin}`];
    const own = ["serve", "--kube", "--kubeconfig", kubeconfig, ...addresses, ...args];
    const { args: all, env } = umbraProcess(own);
    const child = spawn(process.execPath, all, { env, stdio: ["ignore", "ignore", "pipe"] });
    const exited = once(child, "exit");
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    ending.push(() => {
      child.kill("SIGKILL");
      return exited;
    });
    const get = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${admin}${path}`).catch(() => undefined);
      return answer === undefined
        ? undefined
        : { status: answer.status, text: await answer.text() };
    };
    return { child, exited, text: () => text, get };
  }

  async function eventually<T>(find: () => Promise<T | undefined>, what: () => string): Promise<T> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const found = await find();
      if (found !== undefined) return found;
      if (performance.now() > deadline) throw new Error(`did not happen within 60 s: ${what()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async function endpointsOf({ get }: Awaited<ReturnType<typeof start>>): Promise<string[]> {
    const answer = await get("/v1/pools");
    const { pools: list } = JSON.parse(answer?.text ?? '{"pools":[]}') as {
      pools: { endpoints: { address: string }[] }[];
    };
    return list.flatMap(({ endpoints }) => endpoints.map(({ address }) => address)).sort();
  }

  test("serves a pool's pods, follows them, and keeps them while the API server is away", async () => {
    const served = await start(["--pool", "llama"]);
    const has = (want: readonly string[]) =>
      eventually(async () => {
        const found = await endpointsOf(served);
        return JSON.stringify(found) === JSON.stringify(want) ? found : undefined;
      }, served.text);
    await has(["127.0.0.11:8000"]);
    server.resource(pods).put(pod("llama-1", "127.0.0.12"));
    expect(await has(["127.0.0.11:8000", "127.0.0.12:8000"])).toHaveLength(2);
    await server.stop();
    const degraded = await eventually(async () => {
      const answer = await served.get("/readyz");
      return answer?.text.includes("pods in namespace") === true ? answer : undefined;
    }, served.text);
    expect(degraded.status).toBe(200);
    expect(degraded.text).toMatch(
      /pods in namespace \\"inference\\": the API server does not answer/,
    );
    expect(await endpointsOf(served)).toHaveLength(2);
    const metrics = await served.get("/metrics");
    expect(metrics?.text).toMatch(
      /^umbra_kubernetes_seconds_since_contact\{resource="pods",namespace="inference"\} [0-9.]+$/m,
    );
    server.resource(pods).remove("inference", "llama-0");
    await server.start();
    expect(await has(["127.0.0.12:8000"])).toHaveLength(1);
  });

  test("waits for a pool that comes later, and is ready when it can pick there", async () => {
    const served = await start(["--pool", "inference/later"]);
    const waiting = await eventually(() => served.get("/readyz"), served.text);
    expect(waiting).toMatchObject({
      status: 503,
      text: expect.stringContaining("the pool inference/later, which does not exist yet"),
    });
    const answered = async (status: number) => {
      const answer = await served.get("/readyz");
      return answer?.status === status ? answer : undefined;
    };
    server.resource(pools).put(pool("later"));
    server
      .resource(pods)
      .put({ ...pod("later-0", "127.0.0.13"), metadata: later } as unknown as StoredObject);
    await eventually(async () => {
      const found = await endpointsOf(served);
      return found.includes("127.0.0.13:8000") ? found : undefined;
    }, served.text);
    expect(await eventually(() => answered(200), served.text)).toBeDefined();
  });

  test("names a missing right in the log, and serves the rest", async () => {
    server.install({
      ...pools,
      group: "gateway.networking.k8s.io",
      plural: "httproutes",
      kind: "HTTPRoute",
    });
    server.forbid("list", "httproutes");
    const served = await start(["--pool", "llama"]);
    await eventually(
      async () => ((await endpointsOf(served)).length > 0 ? true : undefined),
      served.text,
    );
    expect(served.text()).toMatch(
      /httproutes\.gateway\.networking\.k8s\.io in namespace .*does not allow to list it; add this rule to a Role/,
    );
  });

  test("ends when it is asked to, also while it waits for the API server", async () => {
    await server.stop();
    const served = await start();
    await eventually(
      async () => (served.text().includes("does not answer") ? true : undefined),
      served.text,
    );
    served.child.kill("SIGTERM");
    expect(await served.exited).toEqual([1, null]);
    expect(served.text()).toMatch(/ended before all resources of the API server had arrived/);
  });

  test("does not begin to wait when it was asked to end before", async () => {
    await server.stop();
    const opened = openConfiguration({
      flags: { kube: true, kubeconfig, watch: true },
      handed: undefined,
      io: { env: {}, signal: AbortSignal.abort() } as Io,
      onChange: () => undefined,
      onProblem: () => undefined,
      onNote: () => undefined,
    });
    await expect(opened).rejects.toThrow(/ended before all resources of the API server/);
  });

  test("a kubeconfig that can't be used ends it with one sentence", async () => {
    writeFileSync(kubeconfig, "{}");
    const served = await start();
    expect(await served.exited).toEqual([1, null]);
    expect(served.text()).toMatch(/kubeconfig .*: it has no current-context; name a context/);
  });
});

describe("the pool of other gateways", () => {
  const named = (pool: string, followed?: readonly string[] | "all") =>
    gatewayOptions({ pool }, { pools: [], followed }).gateway.pool;

  test.each([
    { pool: "llama", followed: ["inference"], want: "inference/llama" },
    { pool: "inference/llama", followed: ["a", "inference"], want: "inference/llama" },
    { pool: "inference/llama", followed: "all" as const, want: "inference/llama" },
  ])("$pool of $followed is $want before it exists", ({ pool, followed, want }) => {
    expect(named(pool, followed)).toBe(want);
  });

  test.each([
    { pool: "llama", followed: undefined, want: /there is no pool "llama"/ },
    { pool: "llama", followed: ["a", "b"], want: /give its namespace too, as NAMESPACE\/NAME/ },
    { pool: "llama", followed: "all" as const, want: /give its namespace too/ },
    { pool: "c/llama", followed: ["a"], want: /"c\/llama" is not followed: add --namespace c/ },
    { pool: "a/b/c", followed: ["a"], want: /expects NAME or NAMESPACE\/NAME, got "a\/b\/c"/ },
    { pool: "/llama", followed: "all" as const, want: /expects NAME or NAMESPACE\/NAME/ },
  ])("$pool of $followed is refused: $want", ({ pool, followed, want }) => {
    expect(() => named(pool, followed)).toThrow(want);
  });
});

describe("flags of an API server", () => {
  test.each([
    { given: { kubeconfig: "f" }, want: /--kubeconfig needs --kube/ },
    { given: { namespace: ["a"] }, want: /--namespace needs --kube/ },
    { given: { allNamespaces: true as const }, want: /--all-namespaces needs --kube/ },
    { given: { lease: "a" }, want: /--lease needs --kube/ },
    {
      given: { kube: true as const, lease: "A b" },
      want: /--lease expects the name of a Lease, got "A b"/,
    },
    { given: { kube: true as const, primary: "x" }, want: /either --kube, or --primary/ },
    {
      given: { kube: true as const, allNamespaces: true as const, namespace: ["a"] },
      want: /either --namespace or --all-namespaces/,
    },
    { given: { kube: true as const, namespace: ["A/b"] }, want: /a namespace's name, got "A\/b"/ },
    {
      given: { kube: true as const, namespace: Array.from({ length: 51 }, (_, at) => `n${at}`) },
      want: /more than 50 namespaces: use --all-namespaces/,
    },
  ])("$want", ({ given, want }) => {
    expect(() => kubeChoiceOf(given)).toThrow(want);
  });

  test.each([
    { given: {}, want: undefined },
    { given: { kube: true as const }, want: {} },
    {
      given: { kube: true as const, kubeconfig: "f", namespace: ["a"] },
      want: { file: "f", namespaces: ["a"] },
    },
    { given: { kube: true as const, allNamespaces: true as const }, want: { namespaces: "all" } },
  ])("$given choose $want", ({ given, want }) => {
    expect(kubeChoiceOf(given)).toEqual(want);
  });
});

describe("the kinds that are followed", () => {
  test.each(["all", ["a"]] as const)(
    "ConfigMaps, which have authorities of BackendTLSPolicies: %j",
    (namespaces) => {
      for (const isRendering of [true, false]) {
        const kinds = followedKinds({ namespaces, isRendering }).map(({ kind }) => kind);
        expect(kinds).toEqual(expect.arrayContaining(["ConfigMap", "BackendTLSPolicy"]));
      }
    },
  );

  test("Secrets only where Envoys get certificates from here, and only certificates", () => {
    const secrets = (isRendering: boolean) =>
      followedKinds({ namespaces: ["a"], isRendering }).filter(
        ({ plural }) => plural === "secrets",
      );
    expect(secrets(false)).toEqual([]);
    expect(secrets(true)).toMatchObject([
      { fieldSelector: "type=kubernetes.io/tls", namespaces: ["a"] },
    ]);
  });

  test("Namespaces, which need a ClusterRole, only with all namespaces", () => {
    const cluster = (namespaces: "all" | string[]) =>
      followedKinds({ namespaces, isRendering: false }).filter(({ isNamespaced }) => !isNamespaced);
    expect(cluster(["a"])).toEqual([]);
    expect(cluster("all")).toMatchObject([{ plural: "namespaces" }]);
  });

  test("GatewayClasses only where Envoys get their listeners from here", () => {
    const isClasses = ({ plural }: { readonly plural: string }) => plural === "gatewayclasses";
    const of = (isRendering: boolean) =>
      followedKinds({ namespaces: ["a"], isRendering }).filter(isClasses);
    expect(of(false)).toEqual([]);
    expect(of(true)).toMatchObject([{ isNamespaced: false }]);
  });
});
