// Objects that admission lets through and that are hard to serve, on a real API server: what is wrong is in a condition of
// that object, and others are served. What admission refuses can't come.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type ApiClient, isKubernetesError, type JsonObject } from "@umbra/kubernetes";
import { parse } from "yaml";
import { freePorts } from "../harness/ports.ts";
import { type Running, startUmbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { installDefinitions } from "./definitions.ts";
import { KubeServer } from "./kube-server.ts";

const gatewayApi = "gateway.networking.k8s.io/v1";
const poolApi = "inference.networking.k8s.io/v1";
const poolRef = "{ group: inference.networking.k8s.io, kind: InferencePool, name: llama }";

interface Entry {
  readonly parentRef: { readonly name: string };
  readonly controllerName: string;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

let kube: KubeServer;
let admin: ApiClient;
let running: Running | undefined;
let count = 0;

beforeAll(async () => {
  kube = await KubeServer.start();
  admin = kube.client();
  await installDefinitions(admin);
  await create(
    "gatewayclasses",
    "{ metadata: { name: umbra }, spec: { controllerName: umbra.dev/gateway } }",
  );
  await create(
    "gatewayclasses",
    "{ metadata: { name: theirs }, spec: { controllerName: example.com/other } }",
  );
  await create("gateways", gatewayOf("gw", "umbra"));
  await create("gateways", gatewayOf("their-gateway", "theirs"));
  await create("inferencepools", poolOf("llama", "app: llama"));
  const [grpc, adminPort] = await freePorts(2);
  running = startUmbra(
    ...["serve", "--kube", "--kubeconfig", kube.kubeconfig("admin"), "--namespace", "default"],
    ...["--bind", "127.0.0.1", "--grpc", `127.0.0.1:${grpc}`, "--admin", `127.0.0.1:${adminPort}`],
    ...["--ads", `unix:${kube.folder}/ads.sock`],
  );
  await expectOthersServed();
}, 300_000);

afterAll(async () => {
  await running?.stop();
  await admin.close();
  await kube.close();
}, 60_000);

const kinds: Readonly<Record<string, readonly [apiVersion: string, kind: string]>> = {
  gatewayclasses: [gatewayApi, "GatewayClass"],
  gateways: [gatewayApi, "Gateway"],
  httproutes: [gatewayApi, "HTTPRoute"],
  inferencepools: [poolApi, "InferencePool"],
  configmaps: ["v1", "ConfigMap"],
};

function pathOf(plural: string, name = ""): string {
  const [apiVersion = ""] = kinds[plural] ?? [];
  const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = plural === "gatewayclasses" ? "" : "/namespaces/default";
  return `${base}${place}/${plural}${name === "" ? "" : `/${name}`}`;
}

async function create(plural: string, text: string): Promise<void> {
  const [apiVersion = "", kind = ""] = kinds[plural] ?? [];
  const body = { apiVersion, kind, ...(parse(text) as object) };
  await admin.request({ method: "POST", path: pathOf(plural), body });
}

function gatewayOf(name: string, className: string): string {
  return `{ metadata: { name: ${name} }, spec: { gatewayClassName: ${className}, listeners: [{ name: http, port: 8080, protocol: HTTP }] } }`;
}

function poolOf(name: string, labels: string): string {
  return `{ metadata: { name: ${name} }, spec: { selector: { matchLabels: { ${labels} } }, targetPorts: [{ number: 8000 }] } }`;
}

function routeOf(name: string, { parents = ["gw"], ref = poolRef, more = "" } = {}): string {
  const refs = parents.map((parent) => `{ name: ${parent} }`).join(", ");
  return `{ metadata: { name: ${name}${more} }, spec: { parentRefs: [${refs}], rules: [{ backendRefs: [${ref}] }] } }`;
}

async function entriesOf(name: string, plural = "httproutes"): Promise<readonly Entry[]> {
  const { status } = await admin.request({ method: "GET", path: pathOf(plural, name) });
  const { parents = [] } = (status ?? {}) as { readonly parents?: readonly Entry[] };
  return parents;
}

/** `Accepted=True Accepted` for each condition of the entry for our Gateway. */
async function conditionsOf(name: string, plural?: string): Promise<readonly string[]> {
  const entries = await entriesOf(name, plural);
  const ours = entries.find(({ parentRef }) => parentRef.name === "gw")?.conditions ?? [];
  return ours.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

const served = ["Accepted=True Accepted", "ResolvedRefs=True ResolvedRefs"];

/** Waits until an object has these conditions. */
async function expectConditions(name: string, want: readonly string[], plural?: string) {
  const hasAll = async () => {
    const found = await conditionsOf(name, plural);
    return want.every((each) => found.includes(each));
  };
  await until(`${name.slice(0, 20)} has its conditions`, hasAll, 30_000);
  expect(await conditionsOf(name, plural)).toEqual(want);
}

/** A route that comes after all others is served: all that came before has been seen. */
async function expectOthersServed(): Promise<void> {
  const name = `good-${count++}`;
  await create("httproutes", routeOf(name));
  await expectConditions(name, served);
}

describe("what admission lets through", () => {
  test("a Gateway of an unknown class is left alone", async () => {
    await create("gateways", gatewayOf("strange", "nothing"));
    await expectOthersServed();
    const { status } = await admin.request({ method: "GET", path: pathOf("gateways", "strange") });
    const { conditions } = status as unknown as Entry;
    expect(conditions.map((each) => each.status)).toEqual(["Unknown", "Unknown"]);
  }, 60_000);

  test("a route of another controller's Gateway gets no entry, and one of both gets ours only", async () => {
    await create("httproutes", routeOf("theirs", { parents: ["their-gateway"] }));
    await create("httproutes", routeOf("both", { parents: ["their-gateway", "gw"] }));
    await expectConditions("both", served);
    await expectOthersServed();
    expect(await entriesOf("theirs")).toEqual([]);
    expect((await entriesOf("both")).map(({ controllerName }) => controllerName)).toEqual([
      "umbra.dev/gateway",
    ]);
  }, 60_000);

  test("a route whose backend does not exist says so", async () => {
    await create("httproutes", routeOf("lost", { ref: poolRef.replace("llama", "none") }));
    await expectConditions("lost", [
      "Accepted=True Accepted",
      "ResolvedRefs=False BackendNotFound",
    ]);
    await expectOthersServed();
  }, 60_000);

  test("labels and keys that are names of JavaScript's own are like others", async () => {
    const labels = "constructor: a, toString: b, hasOwnProperty: c";
    await create("inferencepools", poolOf("constructor", labels));
    await create("configmaps", "{ metadata: { name: proto }, data: { __proto__: text } }");
    const ref = poolRef.replace("llama", "constructor");
    await create("httproutes", routeOf("labelled", { ref, more: `, labels: { ${labels} }` }));
    await expectConditions("labelled", served);
    await expectConditions("constructor", served, "inferencepools");
    await expectOthersServed();
  }, 60_000);

  test("as many annotations, matches and letters of a name as there may be are served", async () => {
    const text = "x".repeat(250_000);
    await create(
      "httproutes",
      routeOf("n".repeat(253), { more: `, annotations: { example.com/a: ${text} }` }),
    );
    await create("httproutes", routeOfMatches("matches", 8));
    await expectConditions("n".repeat(253), served);
    await expectConditions("matches", served);
    await expectOthersServed();
  }, 60_000);

  test("a Gateway with 64 listeners has a status for each", async () => {
    await create("gateways", gatewayOfListeners("many", 64));
    const listeners = async () => {
      const { status } = await admin.request({ method: "GET", path: pathOf("gateways", "many") });
      return (status as { readonly listeners?: readonly JsonObject[] }).listeners ?? [];
    };
    await until(
      "each listener has a status",
      async () => (await listeners()).length === 64,
      30_000,
    );
    await expectOthersServed();
  }, 60_000);
});

/** 16 rules. */
function routeOfMatches(name: string, matchesPerRule: number): string {
  const rules = Array.from({ length: 16 }, (_, rule) => {
    const matches = Array.from(
      { length: matchesPerRule },
      (__, at) => `{ path: { value: /r${rule}/${at} } }`,
    );
    return `{ matches: [${matches.join(", ")}], backendRefs: [${poolRef}] }`;
  });
  return `{ metadata: { name: ${name} }, spec: { parentRefs: [{ name: gw }], rules: [${rules.join(", ")}] } }`;
}

function gatewayOfListeners(name: string, length: number): string {
  const listeners = Array.from(
    { length },
    (_, at) => `{ name: l${at}, port: ${9_000 + at}, protocol: HTTP }`,
  );
  return `{ metadata: { name: ${name} }, spec: { gatewayClassName: umbra, listeners: [${listeners.join(", ")}] } }`;
}

test.each([
  {
    name: "a label __proto__",
    plural: "httproutes",
    text: routeOf("a", { more: ", labels: { __proto__: a }" }),
  },
  {
    name: "1 MB of annotations",
    plural: "httproutes",
    text: routeOf("a", { more: `, annotations: { example.com/a: ${"x".repeat(1_000_000)} }` }),
  },
  { name: "16 rules of 64 matches", plural: "httproutes", text: routeOfMatches("a", 64) },
  { name: "65 listeners", plural: "gateways", text: gatewayOfListeners("a", 65) },
  { name: "a name of 254 letters", plural: "httproutes", text: routeOf("n".repeat(254)) },
])("admission refuses $name", async ({ plural, text }) => {
  const refused = await create(plural, text).catch((cause: unknown) => cause);
  expect(isKubernetesError(refused) ? refused.status : refused).toBe(422);
});
