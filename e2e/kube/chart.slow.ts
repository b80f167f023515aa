// The chart's manifests on a real API server: each object is taken, and the rights are exactly those that are used.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type ApiClient, type Problem, startKubernetes } from "@umbra/kubernetes";
import { parse } from "yaml";
import { followedKinds } from "../../packages/cli/src/kube/followed-kinds.ts";
import { caseNamed, chartCases, type KubeObject, objectsOf } from "../chart/chart-files.ts";
import { podOf } from "../chart/pod.ts";
import { type Right, rightsIn, rightsText } from "../chart/rights.ts";
import { freePorts } from "../harness/ports.ts";
import { type Running, startUmbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { apply, createNamespace, defineOthers } from "./applied-chart.ts";
import { installDefinitions, monitoringFolder } from "./definitions.ts";
import { KubeServer } from "./kube-server.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-audit-"));
const [policy, audit] = [join(folder, "policy.yaml"), join(folder, "audit.log")];
const namespace = "umbra";
const account = `system:serviceaccount:${namespace}:umbra`;
const gateway = objectsOf(caseNamed("gateway"));
const isRight = ({ kind }: KubeObject) => /^(?:Cluster)?Role(?:Binding)?$/.test(kind);

let kube: KubeServer;
let admin: ApiClient;

beforeAll(async () => {
  // Of each request once, when it is answered or its watch begins.
  const rules = [{ level: "Metadata" }];
  const head = { apiVersion: "audit.k8s.io/v1", kind: "Policy", omitStages: ["RequestReceived"] };
  writeFileSync(policy, JSON.stringify({ ...head, rules }));
  kube = await KubeServer.start({
    apiserverFlags: [`--audit-policy-file=${policy}`, `--audit-log-path=${audit}`],
  });
  admin = kube.client();
  await installDefinitions(admin);
  await installDefinitions(admin, [monitoringFolder()]);
  await defineOthers(admin);
  for (const name of [namespace, "team-a", "team-b"]) await createNamespace(admin, name);
}, 300_000);

afterAll(async () => {
  await admin.close();
  await kube.close();
  rmSync(folder, { recursive: true, force: true });
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

/** A kubeconfig with the identity of the chart's pods. */
async function kubeconfigOfPods(): Promise<string> {
  const { status } = await admin.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/umbra/token`,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  });
  const config = JSON.parse(readFileSync(kube.kubeconfig("watcher"), "utf8")) as {
    users: { user: object }[];
    contexts: { context: object }[];
  };
  const { token } = status as { readonly token: string };
  const file = join(kube.folder, "pods.kubeconfig");
  const users = config.users.map((each) => ({ ...each, user: { token } }));
  // The Lease is in the namespace of the pods.
  const contexts = config.contexts.map((each) => ({
    ...each,
    context: { ...each.context, namespace },
  }));
  writeFileSync(file, JSON.stringify({ ...config, users, contexts }), { mode: 0o600 });
  return file;
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource: string;
    readonly apiGroup?: string;
    readonly subresource?: string;
    readonly namespace?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

/** What the chart's pods have asked for, and the status of the answer. */
function asked(): readonly (Right & { readonly status: number | undefined })[] {
  // The last line may still be written.
  const lines = readFileSync(audit, "utf8").split("\n").slice(0, -1);
  return lines
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ user, objectRef }) => user.username === account && objectRef !== undefined)
    .map(({ verb, objectRef, responseStatus }) => {
      const { resource = "", apiGroup, subresource, namespace: of } = objectRef ?? {};
      const path = subresource === undefined ? resource : `${resource}/${subresource}`;
      return {
        ...{ verb, resource: apiGroup === undefined ? path : `${path}.${apiGroup}` },
        ...(of === undefined ? {} : { namespace: of }),
        status: responseStatus?.code,
      };
    });
}

const unique = (rights: readonly Right[]) => [...new Set(rightsText(rights))];

async function createScenario(): Promise<void> {
  const inside = (group: string, plural: string) =>
    `/apis/${group}/namespaces/${namespace}/${plural}`;
  const put = (path: string, text: string) =>
    admin.request({ method: "POST", path, body: parse(text) as object });
  const api = "gateway.networking.k8s.io/v1";
  const pools = "inference.networking.k8s.io/v1";
  await put(
    `/apis/${api}/gatewayclasses`,
    `{ apiVersion: ${api}, kind: GatewayClass, metadata: { name: umbra }, spec: { controllerName: umbra.dev/gateway } }`,
  );
  await put(
    inside(api, "gateways"),
    `{ apiVersion: ${api}, kind: Gateway, metadata: { name: gw }, spec: { gatewayClassName: umbra, listeners: [{ name: http, port: 8080, protocol: HTTP }] } }`,
  );
  await put(
    inside(pools, "inferencepools"),
    `{ apiVersion: ${pools}, kind: InferencePool, metadata: { name: llama }, spec: { selector: { matchLabels: { app: llama } }, targetPorts: [{ number: 8000 }] } }`,
  );
  await put(
    inside(api, "httproutes"),
    `{ apiVersion: ${api}, kind: HTTPRoute, metadata: { name: chat }, spec: { parentRefs: [{ name: gw }], rules: [{ backendRefs: [{ group: inference.networking.k8s.io, kind: InferencePool, name: llama }] }] } }`,
  );
  await put(
    inside("umbra.dev/v1alpha1", "shadowpolicies"),
    "{ apiVersion: umbra.dev/v1alpha1, kind: ShadowPolicy, metadata: { name: p }, spec: { targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: chat }] } }",
  );
}

describe("the rights of the gateway", () => {
  let running: Running | undefined;

  beforeAll(async () => {
    const given = gateway.filter((each) => isRight(each) || each.kind === "ServiceAccount");
    for (const object of given) await apply(admin, object, "created");
    await createScenario();
    const [grpc, adminPort] = await freePorts(2);
    running = startUmbra(
      ...["serve", "--kube", "--kubeconfig", await kubeconfigOfPods(), "--namespace", namespace],
      ...["--lease=umbra-status", "--grpc", `127.0.0.1:${grpc}`, "--bind", "127.0.0.1"],
      ...["--ads", `unix:${folder}/ads.sock`, "--admin", `127.0.0.1:${adminPort}`],
    );
  }, 120_000);

  afterAll(() => running?.stop(), 30_000);

  test("are all used", async () => {
    const granted = unique(rightsIn(gateway));
    const isUsed = () => {
      const used = new Set(unique(asked()));
      return granted.every((right) => used.has(right));
    };
    await until("each right is used", isUsed, 90_000).catch(() => undefined);
    const used = new Set(unique(asked()));
    expect(granted.filter((right) => !used.has(right))).toEqual([]);
  }, 120_000);

  test("are all that is asked for", () => {
    const granted = new Set(unique(rightsIn(gateway)));
    expect(unique(asked()).filter((right) => !granted.has(right))).toEqual([]);
    expect(asked().filter(({ status }) => status === 403)).toEqual([]);
  });
});

describe("without a right to follow a kind", () => {
  const kinds = followedKinds({ namespaces: ["team-a"], isRendering: true });
  const rows = kinds.flatMap((kind) =>
    ["list", "watch"].map((verb) => ({ kind, verb, name: `${kind.plural}.${kind.group}` })),
  );

  test.each(rows)(
    "to $verb $name, that is named",
    async ({ kind, verb }) => {
      const verbs = ["list", "watch"].filter((each) => each !== verb);
      const scope = kind.isNamespaced ? "" : "Cluster";
      const name = `without-${verb}-${kind.plural}-${kind.group}-${kind.version}`;
      const place = kind.isNamespaced ? { namespace: "team-a" } : {};
      const metadata = { name, ...place };
      const rules = [{ apiGroups: [kind.group], resources: [kind.plural], verbs }];
      const apiVersion = "rbac.authorization.k8s.io/v1";
      await apply(admin, { apiVersion, kind: `${scope}Role`, metadata, rules }, "created");
      const group = "rbac.authorization.k8s.io";
      const roleRef = { apiGroup: group, kind: `${scope}Role`, name };
      const subjects = [{ apiGroup: group, kind: "User", name: "watcher" }];
      const binding = { apiVersion, kind: `${scope}RoleBinding`, metadata, roleRef, subjects };
      await apply(admin, binding, "created");
      const client = kube.client("watcher");
      const problems: Problem[] = [];
      const source = startKubernetes({
        ...{ client, kinds: [kind], isAlone: true },
        onChange() {},
        onProblem: (problem) => problems.push(problem),
      });
      try {
        await until("the missing right", () => problems.length > 0, 30_000);
        expect(problems[0]).toMatchObject({ code: "FORBIDDEN", missing: { verb } });
        expect(problems[0]?.message).toContain(kind.plural);
      } finally {
        await source.close();
        await client.close();
        for (const object of [binding, { apiVersion, kind: `${scope}Role`, metadata }]) {
          const plural = `${object.kind.toLowerCase()}s`;
          const path = `/apis/${apiVersion}${kind.isNamespaced ? "/namespaces/team-a" : ""}/${plural}/${name}`;
          await admin.request({ method: "DELETE", path });
        }
      }
    },
    60_000,
  );
});
