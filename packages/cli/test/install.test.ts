import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { parse, parseAllDocuments } from "yaml";
import { runCommand } from "./run-command.ts";

interface Printed {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

const install = (...more: readonly string[]) => runCommand(["install", "--dry-run", ...more]);

async function objectsOf(...more: readonly string[]): Promise<readonly Printed[]> {
  const { stdout } = await install(...more);
  return parseAllDocuments(stdout).map((each) => each.toJS() as Printed);
}

const namesOf = (objects: readonly Printed[], kind: string) =>
  objects
    .filter((each) => each.kind === kind)
    .map(({ metadata: { namespace, name } }) => (namespace ? `${namespace}/${name}` : name));

describe("umbra install --dry-run", () => {
  test.each([
    { mode: "gateway", classes: ["umbra"] },
    { mode: "picker", classes: [] },
  ])("prints what $mode needs, definitions and the namespace first", async ({ mode, classes }) => {
    const objects = await objectsOf("--mode", mode);
    const kinds = objects.map(({ kind }) => kind);
    expect(kinds.slice(0, 3)).toEqual([
      "CustomResourceDefinition",
      "CustomResourceDefinition",
      "Namespace",
    ]);
    expect(namesOf(objects, "GatewayClass")).toEqual(classes);
    expect(namesOf(objects, "Deployment")).toEqual(["umbra/umbra"]);
    expect(kinds).toEqual(expect.arrayContaining(["Role", "RoleBinding", "ServiceAccount"]));
  });

  test("puts all of it into another namespace, with names of its own outside", async () => {
    const objects = await objectsOf("--into", "serving", "--watch", "a", "--watch", "b");
    expect(namesOf(objects, "Namespace")).toEqual(["serving"]);
    expect(namesOf(objects, "Deployment")).toEqual(["serving/umbra"]);
    const roles = namesOf(objects, "Role").filter((name) => !name.startsWith("serving/"));
    expect(roles.map((name) => name.split("/")[0])).toEqual(["a", "b"]);
    for (const name of [...roles, ...namesOf(objects, "ClusterRole")]) {
      expect(name).toMatch(/-serving$/);
    }
    const bindings = objects.filter(({ kind }) => kind.endsWith("RoleBinding"));
    expect(bindings.length).toBeGreaterThan(3);
    for (const { subjects } of bindings) {
      expect(subjects).toMatchObject([{ kind: "ServiceAccount", namespace: "serving" }]);
    }
    const roleNames = new Set([...namesOf(objects, "Role"), ...namesOf(objects, "ClusterRole")]);
    for (const { metadata, roleRef } of bindings) {
      const { name } = roleRef as { readonly name: string };
      const where = metadata.namespace === undefined ? "" : `${metadata.namespace}/`;
      expect(roleNames).toContain(`${where}${name}`);
    }
    const deployment = JSON.stringify(objects.find(({ kind }) => kind === "Deployment"));
    expect(deployment).toContain('"--kube","--namespace=a","--namespace=b"');
  });

  test.each([
    { where: "where that is not served", watch: ["--watch", "a"], roles: 1 },
    { where: "as part of a Role where it is served too", watch: ["--watch", "a", "--watch", "x"] },
    { where: "as part of a Role where nothing else is served", watch: [] },
  ])("lets replicas find each other in their namespace, $where", async ({ watch, roles = 0 }) => {
    const objects = await objectsOf("--into", "x", ...watch);
    const own = objects.filter(
      ({ kind, metadata: { namespace } }) => kind === "Role" && namespace === "x",
    );
    const rules = own.flatMap((role) => role.rules as readonly { readonly resources: string[] }[]);
    expect(rules.filter(({ resources }) => resources.includes("endpointslices"))).toMatchObject([
      { apiGroups: ["discovery.k8s.io"], verbs: ["list", "watch"] },
    ]);
    for (const kind of ["Role", "RoleBinding"]) {
      const names = namesOf(objects, kind).filter((name) => name === "x/umbra-peers");
      expect(names).toHaveLength(roles);
    }
  });

  test("sets the image of Umbra's containers", async () => {
    const { stdout } = await install("--image", "registry.example/umbra:1");
    expect(stdout.match(/image: .*/g)).toEqual([
      "image: registry.example/umbra:1",
      "image: registry.example/umbra:1",
    ]);
  });

  test("lists the objects without a cluster", async () => {
    const { stdout, stderr } = await install("-o", "table");
    expect(stdout).toContain("shadowpolicies.umbra.dev");
    expect(stdout).not.toContain("in the cluster");
    expect(stderr).toMatch(
      /^note: the pods wait for the Secret "umbra-peers".*kubectl --namespace umbra .*\n$/,
    );
  });

  test("prints a List as JSON", async () => {
    const { stdout } = await install("-o", "json", "--mode", "picker");
    expect(JSON.parse(stdout)).toMatchObject({ apiVersion: "v1", kind: "List" });
  });

  test.each([
    { args: ["install"], words: "add --dry-run" },
    { args: ["install", "--dry-run", "--into", "A"], words: "--into expects a namespace's name" },
    { args: ["install", "--dry-run", "--watch", "a/b"], words: "--watch expects" },
    { args: ["install", "--dry-run", "--image", "a b"], words: "--image expects" },
  ])("refuses $args", async ({ args, words }) => {
    const { status, stderr, stdout } = await runCommand(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(words);
  });
});

/** What the test's API server does: not Kubernetes, only the answers that this command reads. */
interface Script {
  readonly held: Map<string, object>;
  /** `verb plural`. */
  readonly refused: Set<string>;
  readonly definitions: Set<string>;
  readonly seen: string[];
}

function answer(script: Script, method: string, path: string, body: string): [number, object] {
  const { pathname, searchParams } = new URL(path, "http://api");
  script.seen.push(`${method} ${searchParams.get("dryRun") ?? ""}`);
  if (pathname.endsWith("/selfsubjectaccessreviews")) {
    const { verb, resource } = (JSON.parse(body) as Review).spec.resourceAttributes;
    return [201, { status: { allowed: !script.refused.has(`${verb} ${resource}`) } }];
  }
  const group = /^\/apis\/[^/]+\/[^/]+$/.exec(pathname);
  if (group !== null) {
    const resources = [...script.definitions].map((name) => ({ name }));
    return [200, { resources }];
  }
  const plural = pathname.split("/").at(-2) ?? "";
  if (method === "GET") {
    // A proxy in between knows nothing of rights.
    if (script.refused.has(`reach ${plural}`)) return [403, { message: "blocked by policy 7" }];
    if (script.refused.has(`get ${plural}`)) return [403, { message: "forbidden" }];
    const held = script.held.get(pathname);
    return held === undefined ? [404, { message: "not found" }] : [200, held];
  }
  if (script.refused.has(`apply ${plural}`)) return [403, { message: `${plural}: not granted` }];
  return [200, { ...(JSON.parse(body) as object), ...serverFields }];
}

interface Review {
  readonly spec: {
    readonly resourceAttributes: { readonly verb: string; readonly resource: string };
  };
}

const serverFields = { status: { observed: 1 } };

describe("umbra install --dry-run --kube", () => {
  const folder = mkdtempSync(join(tmpdir(), "umbra-install-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const kubeconfig = join(folder, "config");
  const withCluster = (...more: readonly string[]) =>
    install("--kube", "--kubeconfig", kubeconfig, "-o", "table", ...more);
  const all = ["gatewayclasses", "gateways", "httproutes", "inferencepools"];
  let script: Script;
  let server: Server;

  beforeEach(async () => {
    script = { held: new Map(), refused: new Set(), definitions: new Set(all), seen: [] };
    server = createServer(async (request, response) => {
      const body = await text(request);
      const [status, value] = answer(script, request.method ?? "", request.url ?? "", body);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const config = {
      "current-context": "here",
      clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }],
      contexts: [{ name: "here", context: { cluster: "c" } }],
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
  });

  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test("says what is there, what differs and what is missing, and changes nothing", async () => {
    const definition = (await objectsOf())[0] as unknown as Printed;
    const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    script.held.set(`${crds}/${definition.metadata.name}`, { ...definition, ...serverFields });
    script.held.set("/api/v1/namespaces/umbra", parse("{ metadata: { name: umbra }, old: 1 }"));
    script.held.set("/api/v1/namespaces/umbra/secrets/umbra-peers", {});
    const { status, stdout, stderr } = await withCluster();
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^\d+ objects/),
    });
    expect(stdout).toMatch(/envoysettings.umbra.dev *│ there/);
    expect(stdout).toMatch(/Namespace .* umbra *│ differs/);
    expect(stdout).toMatch(/Deployment .* missing/);
    expect(stderr).toMatch(/^\d+ objects: 1 there, 1 differs, \d+ missing\n$/);
    const writing = script.seen.filter((each) => /^(?:PATCH|PUT|DELETE)/.test(each));
    expect(new Set(writing)).toEqual(new Set(["PATCH All"]));
  });

  test.each([
    { refused: "create roles", words: /"umbra-lease": .*no right to create roles.rbac/ },
    { refused: "patch namespaces", words: /no right to patch namespaces in the cluster/ },
    { refused: "reach services", words: /"umbra": .*blocked by policy 7/ },
    { refused: "get services", words: /"umbra": this account has no right to get services/ },
  ])("names a right that is missing: $refused", async ({ refused, words }) => {
    script.refused.add(refused);
    const { status, stderr } = await withCluster();
    expect(status).toBe(1);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/error: \d+ problems?; \d+ objects/);
  });

  test("notes a Secret that the pods wait for", async () => {
    const { status, stderr } = await withCluster("--into", "serving");
    expect(status).toBe(0);
    expect(stderr).toContain('note: the pods wait for the Secret "umbra-peers"');
    expect(stderr).toContain("kubectl --namespace serving create secret");
  });

  test("names what the API server would refuse", async () => {
    script.held.set("/api/v1/namespaces/umbra", parse("{ metadata: { name: umbra } }"));
    script.refused.add("apply clusterroles");
    const { status, stderr } = await withCluster();
    expect(status).toBe(1);
    expect(stderr).toMatch(/ClusterRole "umbra.umbra": .*not granted/);
  });

  test.each([
    { mode: "gateway", missing: "httproutes", from: "standard-install.yaml" },
    { mode: "picker", missing: "inferencepools", from: "Inference Extension" },
  ])(
    "names definitions of other projects that $mode needs: $missing",
    async ({ mode, missing, from }) => {
      script.definitions.delete(missing);
      const { status, stderr } = await withCluster("--mode", mode);
      expect(status).toBe(1);
      expect(stderr).toContain(`the cluster has no definitions of ${missing}`);
      expect(stderr).toContain(from);
    },
  );
});
