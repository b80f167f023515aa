import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { ApiClient, JsonObject } from "@umbra/kubernetes";
import { parse } from "yaml";
import { freePorts } from "../harness/ports.ts";
import { type Running, startUmbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { installDefinitions } from "./definitions.ts";
import { KubeServer } from "./kube-server.ts";

const gatewayPath = "/apis/gateway.networking.k8s.io/v1";
const poolPath = "/apis/inference.networking.k8s.io/v1";
const policyPath = "/apis/umbra.dev/v1alpha1";

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
}

interface Entry {
  readonly controllerName: string;
  readonly conditions?: readonly Condition[];
}

interface Status {
  readonly conditions?: readonly Condition[];
  readonly parents?: readonly Entry[];
  readonly ancestors?: readonly Entry[];
  readonly listeners?: readonly (Status & {
    readonly name: string;
    readonly attachedRoutes: number;
  })[];
  readonly supportedFeatures?: readonly { readonly name: string }[];
}

/** `Accepted=True Accepted` for each condition. */
function shown({ conditions = [] }: Pick<Status, "conditions"> = {}): readonly string[] {
  return conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

/** "" while no one listens there. */
async function pageAt(url: string): Promise<string> {
  try {
    return await (await fetch(url)).text();
  } catch (cause) {
    const { code } = ((cause as Error).cause ?? {}) as { readonly code?: unknown };
    if (code === "ECONNREFUSED") return "";
    throw cause;
  }
}

const route = `
metadata: { name: chat }
spec:
  parentRefs: [{ name: gw }, { name: theirs }]
  rules: [{ backendRefs: [{ group: inference.networking.k8s.io, kind: InferencePool, name: llama }] }]
`;

describe("statuses on a real API server", () => {
  let kube: KubeServer;
  let admin: ApiClient;
  let namespace = "";
  let count = 0;
  const processes: { readonly running: Running; readonly admin: string }[] = [];

  beforeAll(async () => {
    kube = await KubeServer.start();
    admin = kube.client();
    await installDefinitions(admin);
    await create(
      `${gatewayPath}/gatewayclasses`,
      "GatewayClass",
      "{ metadata: { name: umbra }, spec: { controllerName: umbra.dev/gateway } }",
    );
  }, 180_000);

  beforeEach(async () => {
    namespace = `test-${count++}`;
    await admin.request({
      method: "POST",
      path: "/api/v1/namespaces",
      body: { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    });
  });

  afterEach(async () => {
    await Promise.all(processes.splice(0).map(({ running }) => running.stop()));
  }, 60_000);

  afterAll(async () => {
    await admin.close();
    await kube.close();
  }, 60_000);

  async function create(path: string, kind: string, text: string): Promise<void> {
    const apiVersion = path.split("/").slice(2, 4).join("/");
    const body = { apiVersion, kind, ...(parse(text) as object) };
    await admin.request({ method: "POST", path, body });
  }

  const inside = (path: string, plural: string) => `${path}/namespaces/${namespace}/${plural}`;
  const createRoute = (text: string) =>
    create(inside(gatewayPath, "httproutes"), "HTTPRoute", text);
  const createGateway = (text: string) => create(inside(gatewayPath, "gateways"), "Gateway", text);
  const remove = (path: string) => admin.request({ method: "DELETE", path });

  async function statusAt(path: string): Promise<Status> {
    const { status } = await admin.request({ method: "GET", path });
    return (status ?? {}) as Status;
  }

  const routeAt = (name: string) => `${inside(gatewayPath, "httproutes")}/${name}`;
  const poolAt = () => `${inside(poolPath, "inferencepools")}/llama`;

  async function createAll(): Promise<void> {
    await createGateway(
      "{ metadata: { name: gw }, spec: { gatewayClassName: umbra, listeners: [{ name: http, port: 8080, protocol: HTTP }] } }",
    );
    await create(
      inside(poolPath, "inferencepools"),
      "InferencePool",
      "{ metadata: { name: llama }, spec: { selector: { matchLabels: { app: llama } }, targetPorts: [{ number: 8000 }], endpointPickerRef: { name: umbra, port: { number: 9002 } } } }",
    );
    await createRoute(route);
  }

  async function startProcess(user: "admin" | "watcher" = "admin") {
    const [grpc, adminPort, ads] = await freePorts(3);
    const running = startUmbra(
      ...["serve", "--kube", "--kubeconfig", kube.kubeconfig(user), "--namespace", namespace],
      ...["--bind", "127.0.0.1", "--grpc", `127.0.0.1:${grpc}`],
      ...["--ads", `unix:${kube.folder}/ads-${ads}.sock`, "--admin", `127.0.0.1:${adminPort}`],
      ...["--lease", `umbra-${namespace}`],
    );
    const process = { running, admin: `127.0.0.1:${adminPort}` };
    processes.push(process);
    await until(
      "it serves metrics",
      async () => (await metricOf(process, "lease_held")) !== undefined,
      60_000,
    );
    return process;
  }

  async function metricOf(
    { admin: at }: { readonly admin: string },
    name: string,
  ): Promise<number | undefined> {
    const text = await pageAt(`http://${at}/metrics`);
    const lines = text.split("\n").filter((line) => line.startsWith(`umbra_kubernetes_${name}`));
    if (lines.length === 0) return undefined;
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  /** Writes of a process, whatever the kind. */
  const writesOf = async (process: { readonly admin: string }): Promise<number> => {
    const text = await pageAt(`http://${process.admin}/metrics`);
    const lines = text
      .split("\n")
      .filter((line) => /status_writes_total\{.*"written"\}/.test(line));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };

  test("the API server takes all of them, and others' entries stay", async () => {
    await createAll();
    const theirs = {
      ...{ parentRef: { name: "theirs" }, controllerName: "example.com/other" },
      conditions: [
        {
          type: "Accepted",
          status: "True",
          reason: "Accepted",
          message: "",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
    };
    await admin.request({
      ...{ method: "PATCH", path: `${routeAt("chat")}/status` },
      ...{ contentType: "application/merge-patch+json", body: { status: { parents: [theirs] } } },
    });
    await create(
      inside(policyPath, "shadowpolicies"),
      "ShadowPolicy",
      "{ metadata: { name: p }, spec: { targetRefs: [{ name: chat }] } }",
    );
    await startProcess();
    const parents = async () => (await statusAt(routeAt("chat"))).parents ?? [];
    await until("the route has both entries", async () => (await parents()).length === 2);
    const [first, second] = await parents();
    expect(first).toMatchObject(theirs);
    expect(second?.controllerName).toBe("umbra.dev/gateway");
    expect(shown(second)).toEqual(["Accepted=True Accepted", "ResolvedRefs=True ResolvedRefs"]);
    const gateway = () => statusAt(`${inside(gatewayPath, "gateways")}/gw`);
    await until("the Gateway has a status", async () =>
      shown(await gateway()).includes("Accepted=True Accepted"),
    );
    expect((await gateway()).listeners).toMatchObject([{ name: "http", attachedRoutes: 1 }]);
    const gatewayClass = () => statusAt(`${gatewayPath}/gatewayclasses/umbra`);
    await until("the class has a status", async () =>
      shown(await gatewayClass()).includes("SupportedVersion=True SupportedVersion"),
    );
    const names = ((await gatewayClass()).supportedFeatures ?? []).map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    const policy = () => statusAt(`${inside(policyPath, "shadowpolicies")}/p`);
    await until(
      "the policy has a status",
      async () => ((await policy()).ancestors ?? []).length === 1,
    );
    await until(
      "the pool has a status",
      async () => ((await statusAt(poolAt())).parents ?? []).length === 1,
    );
    await remove(routeAt("chat"));
    await until(
      "the pool's entry is gone",
      async () => ((await statusAt(poolAt())).parents ?? []).length === 0,
    );
  }, 120_000);

  test("the holder stops, another writes within 15 s, and the first writes no more when it continues", async () => {
    await createAll();
    const first = await startProcess();
    await until(
      "the first writes",
      async () => (await metricOf(first, "lease_held")) === 1,
      30_000,
    );
    const second = await startProcess();
    const isAccepted = (name: string) => async () =>
      ((await statusAt(routeAt(name))).parents ?? []).length > 0;
    await until("the first has written", isAccepted("chat"));
    expect([await metricOf(second, "lease_held"), await writesOf(second)]).toEqual([0, 0]);
    const written = await writesOf(first);

    first.running.process.kill("SIGSTOP");
    await createRoute(route.replace("chat", "second"));
    await until("another writes", isAccepted("second"), 15_000);
    first.running.process.kill("SIGCONT");
    await createRoute(route.replace("chat", "third"));
    await until("the other continues", isAccepted("third"));
    await until("the first knows", async () => (await metricOf(first, "lease_held")) === 0);
    expect(await writesOf(first)).toBe(written);
    expect(await metricOf(second, "lease_held")).toBe(1);

    await second.running.stop();
    await createRoute(route.replace("chat", "fourth"));
    await until("who gives the Lease back need not be waited for", isAccepted("fourth"), 9_000);
  }, 180_000);

  test("a missing right is named with its rule, and costs that kind only", async () => {
    await createAll();
    const read = [
      "",
      "discovery.k8s.io",
      "gateway.networking.k8s.io",
      "inference.networking.k8s.io",
      "umbra.dev",
    ];
    const rules = [
      { apiGroups: read, resources: ["*"], verbs: ["get", "list", "watch"] },
      {
        apiGroups: ["coordination.k8s.io"],
        resources: ["leases"],
        verbs: ["get", "create", "update"],
      },
      {
        apiGroups: ["gateway.networking.k8s.io"],
        resources: ["gateways/status", "gatewayclasses/status"],
        verbs: ["patch"],
      },
      {
        apiGroups: ["inference.networking.k8s.io"],
        resources: ["inferencepools/status"],
        verbs: ["patch"],
      },
    ];
    await allow("watcher", rules);
    const process = await startProcess("watcher");
    await until(
      "the pool has a status",
      async () => ((await statusAt(poolAt())).parents ?? []).length === 1,
      30_000,
    );
    const readyz = () => pageAt(`http://${process.admin}/readyz`);
    await until("the right is named", async () => (await readyz()).includes("httproutes/status"));
    expect(await readyz()).toContain(`a Role in namespace \\"${namespace}\\"`);
    expect((await statusAt(routeAt("chat"))).parents ?? []).toEqual([]);
  }, 120_000);

  test("objects that are hard to serve get their conditions, and others are served", async () => {
    await createAll();
    const listeners = Array.from(
      { length: 64 },
      (_, at) => `{ name: l${at}, port: ${9_000 + at}, protocol: HTTP }`,
    );
    await createGateway(
      `{ metadata: { name: many }, spec: { gatewayClassName: umbra, listeners: [${listeners.join(", ")}] } }`,
    );
    await createGateway(
      "{ metadata: { name: strange }, spec: { gatewayClassName: nothing, listeners: [{ name: http, port: 80, protocol: HTTP }] } }",
    );
    const named = (name: string, more = "") => route.replace("name: chat", `name: ${name}${more}`);
    const long = "n".repeat(253);
    await createRoute(named(long));
    await createRoute(
      named("annotated", `, annotations: { example.com/text: ${"x".repeat(250_000)} }`),
    );
    const ref = "{ group: inference.networking.k8s.io, kind: InferencePool, name: llama }";
    const rules = Array.from({ length: 16 }, (_, rule) => {
      const matches = Array.from({ length: 8 }, (_, at) => `{ path: { value: /r${rule}/${at} } }`);
      return `{ matches: [${matches.join(", ")}], backendRefs: [${ref}] }`;
    });
    await createRoute(
      `{ metadata: { name: rules }, spec: { parentRefs: [{ name: gw }], rules: [${rules.join(", ")}] } }`,
    );
    const first = await startProcess();
    const isAccepted = async (name: string) =>
      shown((await statusAt(routeAt(name))).parents?.[0]).includes("Accepted=True Accepted");
    for (const name of ["chat", long, "annotated", "rules"]) {
      await until(`route ${name.slice(0, 20)} is accepted`, () => isAccepted(name), 30_000);
    }
    const many = () => statusAt(`${inside(gatewayPath, "gateways")}/many`);
    await until("all listeners have a status", async () => (await many()).listeners?.length === 64);
    const strange = await statusAt(`${inside(gatewayPath, "gateways")}/strange`);
    expect(shown(strange).every((each) => each.includes("Unknown"))).toBe(true);
    const written = await writesOf(first);
    await createRoute(named("next"));
    await until("the next route is accepted", () => isAccepted("next"));
    // Of the route, and of its Gateway's listener: none was written again.
    await until("the count is written", async () => (await writesOf(first)) === written + 2);
  }, 120_000);

  /** Gives a user a ClusterRole. */
  async function allow(user: string, rules: readonly object[]): Promise<void> {
    const group = "rbac.authorization.k8s.io";
    const apiVersion = `${group}/v1`;
    const metadata = { name: namespace };
    const post = (plural: string, body: JsonObject) =>
      admin.request({ method: "POST", path: `/apis/${apiVersion}/${plural}`, body });
    await post("clusterroles", { apiVersion, kind: "ClusterRole", metadata, rules } as JsonObject);
    await post("clusterrolebindings", {
      ...{ apiVersion, kind: "ClusterRoleBinding", metadata },
      subjects: [{ apiGroup: group, kind: "User", name: user }],
      roleRef: { apiGroup: group, kind: "ClusterRole", name: namespace },
    });
  }
});
