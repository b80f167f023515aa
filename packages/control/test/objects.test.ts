import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { ConfigurationUpdate, ObjectChange } from "@umbra/control";
import type { JsonObject, ObjectId } from "@umbra/envoy-config";
import { parse } from "yaml";
import { eventually, follow, gateway, keepWorkers, newFolder, pool, route } from "./fixtures.ts";

const json = (text: string): JsonObject => parse(text) as JsonObject;
const put = (text: string): ObjectChange => ({ type: "put", object: json(text) });
const chat: ObjectId = {
  ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute" },
  ...{ namespace: "default", name: "chat" },
};
const chatGone: ObjectChange = {
  ...{ type: "gone", id: { apiVersion: chat.apiVersion, kind: chat.kind, name: chat.name } },
};

const gatewayClass = (controller: string) =>
  put(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: umbra }
spec: { controllerName: ${controller} }
`);
const own = gatewayClass("umbra.dev/gateway");

const all = [own, put(gateway), put(pool(["10.0.0.1:8000"])), put(route())];

const endpointsOf = ({ topology }: ConfigurationUpdate) =>
  topology.pools.flatMap(({ endpoints }) => endpoints);
const routesOf = ({ topology }: ConfigurationUpdate) =>
  topology.listeners.flatMap(({ virtualHosts }) => virtualHosts.flatMap(({ routes }) => routes));

/** Objects as a client of an API server holds them. */
function heldObjects() {
  const held = new Map<string, JsonObject>();
  const keyOf = (object: JsonObject) => JSON.stringify([object.kind, object.metadata]);
  return {
    take(changes: readonly ObjectChange[]) {
      for (const each of changes)
        if (each.type === "put") held.set(keyOf(each.object), each.object);
    },
    objects: () => [...held.values()],
  };
}

describe("objects of an API server", () => {
  test("are served when all have arrived, and not before", async () => {
    const { source, updates } = follow([], { objects: () => [] });
    let isFirst = false;
    void source.first.then(() => {
      isFirst = true;
    });
    for (const each of all) source.take([each]);
    // The worker has taken them before it answers this.
    source.rescan();
    await new Promise((resolve) => setImmediate(resolve));
    expect({ isFirst, updates }).toEqual({ isFirst: false, updates: [] });
    source.synced();
    const first = await source.first;
    expect(first).toMatchObject({ generation: 1, objects: 4, staleFiles: [], findings: [] });
    expect(endpointsOf(first)).toEqual(["10.0.0.1:8000"]);
    expect([...(first.snapshot?.rds.keys() ?? [])]).toHaveLength(1);
  });

  test("have listeners only for Gateways of Umbra's classes", async () => {
    const { source, until } = follow([], {
      objects: () => [],
      topology: { hasOnlyOwnGateways: true },
    });
    source.take([...all, gatewayClass("example.com/other")]);
    source.synced();
    const { topology, findings } = await source.first;
    expect(topology.listeners).toEqual([]);
    expect(findings).toMatchObject([{ code: "UMB0201", severity: "warning" }]);
    source.take([own]);
    const served = await until(({ generation }) => generation === 2);
    expect(served.topology.listeners).toHaveLength(1);
  });

  test("change one by one, in words", async () => {
    const { source, until } = follow([], { objects: () => [] });
    source.take(all);
    source.synced();
    await source.first;
    source.take([put(route({ path: "/v2" }))]);
    const changed = await until(({ generation }) => generation === 2);
    expect(changed.changes).toEqual(["route default/chat: match changed"]);
    source.take([chatGone]);
    const removed = await until(({ generation }) => generation === 3);
    expect(removed.changes).toEqual(["route default/chat: removed"]);
    expect(routesOf(removed)).toEqual([]);
  });

  test("that change many times at once become few configurations, and the last one counts", async () => {
    const { source, updates, until } = follow([], { objects: () => [] });
    source.take(all);
    source.synced();
    await source.first;
    for (let at = 1; at <= 40; at++) source.take([put(route({ path: `/v${at}` }))]);
    await until((update) => routesOf(update)[0]?.match.path.value === "/v40");
    expect(updates.length).toBeLessThan(10);
  });

  test("arrive next to files, which count where both have an object", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "pool.yaml"), pool(["10.0.0.9:8000"]));
    const { source, until } = follow([folder], { objects: () => [] });
    source.take(all);
    source.synced();
    const first = await source.first;
    expect(endpointsOf(first)).toEqual(["10.0.0.9:8000"]);
    expect(first.findings.map(({ code, file }) => ({ code, file }))).toEqual([
      { code: "UMB0106", file: "InferencePool llama" },
    ]);
    writeFileSync(join(folder, "other.yaml"), route({ name: "other", path: "/other" }));
    rmSync(join(folder, "pool.yaml"));
    source.rescan();
    const after = await until((update) => routesOf(update).length === 2);
    expect(endpointsOf(after)).toEqual(["10.0.0.1:8000"]);
    expect(after.findings).toEqual([]);
  });

  test("leave a Service without Pods empty: all Pods are known", async () => {
    const { source } = follow([], { objects: () => [] });
    const service = json(
      "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {selector: {a: b}, ports: [{port: 80}]}}",
    );
    const toService = json(route());
    const spec = {
      parentRefs: [{ name: "gw" }],
      rules: [{ backendRefs: [{ name: "s", port: 80 }] }],
    };
    source.take([own, put(gateway), { type: "put", object: service }]);
    source.take([{ type: "put", object: { ...toService, spec } }]);
    source.synced();
    const { topology } = await source.first;
    expect(topology.pools).toMatchObject([{ name: "service:default/s:80", endpoints: [] }]);
    expect(topology.pools[0]?.dns).toBeUndefined();
  });

  test("with an endpoint that is Umbra's own interface: the finding names the pool", async () => {
    const { source } = follow([], { objects: () => [], ownInterfaces: ["127.0.0.1:9191"] });
    source.take([own, put(gateway), put(pool(["127.0.0.1:9191"])), put(route())]);
    source.synced();
    const { findings } = await source.first;
    expect(findings).toContainEqual(
      expect.objectContaining({ code: "UMB0503", file: "InferencePool llama", path: "" }),
    );
  });

  test("that Envoy refuses keep their last form, and the finding names the object", async () => {
    const { source, until } = follow([], { objects: () => [] });
    source.take(all);
    source.synced();
    await source.first;
    source.accepted(1);
    source.take([put(route({ path: "/bad" }))]);
    const { snapshot } = await until(({ generation }) => generation === 2);
    const [refused] = snapshot?.rds.values() ?? [];
    const { name = "", version = "" } = refused ?? {};
    source.refused({ kind: "rds", name, version, message: "no" });
    const held = await until(({ findings }) => findings.some(({ code }) => code === "UMB0502"));
    expect(held.findings.find(({ code }) => code === "UMB0502")).toMatchObject({
      ...{ file: "HTTPRoute chat", path: "", line: 1, column: 1 },
    });
    expect(routesOf(held)[0]?.match.path.value).toBe("/v1");
  });

  test("come again from the main thread when the thread has crashed", async () => {
    const { workers, startWorker } = keepWorkers();
    const held = heldObjects();
    const { source, until, problems } = follow([], { objects: held.objects, startWorker });
    const take = (changes: readonly ObjectChange[]) => {
      held.take(changes);
      source.take(changes);
    };
    take(all);
    source.synced();
    await source.first;
    await workers[0]?.terminate();
    await eventually(() => (problems.length > 0 ? true : undefined));
    // While there is no thread.
    take([put(route({ name: "other", path: "/other" }))]);
    const update = await until(({ changes }) => changes.length > 0);
    expect(update.changes).toEqual(["route default/other: added"]);
    expect(update).toMatchObject({ generation: 2, objects: 5 });
    take([put(route({ path: "/v2" }))]);
    await until(({ changes }) => changes.includes("route default/chat: match changed"));
    expect(workers).toHaveLength(2);
  }, 60_000);
});
