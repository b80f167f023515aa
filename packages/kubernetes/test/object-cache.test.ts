import { describe, expect, test } from "@jest/globals";
import { type HeldObject, ObjectCache, readObject } from "@umbra/kubernetes/internal";
import { pods, shortly } from "./fixtures.ts";

function held(name: string, resourceVersion: number, uid = `uid-${name}`): HeldObject {
  const read = readObject(
    { metadata: { name, namespace: "a", uid, resourceVersion: String(resourceVersion) } },
    pods,
  );
  if (read === undefined) throw new Error("not an object");
  return read;
}

describe("ObjectCache", () => {
  test("reports a changed object once for each version", () => {
    const cache = new ObjectCache();
    expect(shortly(cache.put(held("x", 1)))).toEqual(["put x"]);
    expect(cache.put(held("x", 1))).toEqual([]);
    expect(shortly(cache.put(held("x", 2)))).toEqual(["put x"]);
    expect(cache.size).toBe(1);
  });

  test("another uid under the same name is another object", () => {
    const cache = new ObjectCache();
    cache.put(held("x", 1));
    expect(shortly(cache.put(held("x", 2, "other")))).toEqual(["gone x", "put x"]);
    expect(cache.remove(held("x", 3))).toEqual([]);
    expect(shortly(cache.remove(held("x", 3, "other")))).toEqual(["gone x"]);
    expect(cache.size).toBe(0);
  });

  test("a list reports which objects were deleted, added and changed", () => {
    const cache = new ObjectCache();
    cache.replace([held("a", 1), held("b", 2), held("c", 3)]);
    expect(shortly(cache.replace([held("b", 2), held("c", 5), held("d", 4)]))).toEqual([
      "gone a",
      "put c",
      "put d",
    ]);
  });

  test("what parts stays until its time, through lists, and comes back whole", () => {
    const cache = new ObjectCache();
    cache.replace([held("a", 1), held("b", 2)]);
    cache.partAll(30);
    expect(cache.replace([])).toEqual([]);
    expect(shortly(cache.replace([held("b", 7)]))).toEqual(["put b"]);
    expect(cache.dropParted(29)).toEqual([]);
    expect(shortly(cache.dropParted(30))).toEqual(["gone a"]);
    expect(cache.dropParted(1_000)).toEqual([]);
    expect(cache.objects()).toHaveLength(1);
  });
});

describe("readObject", () => {
  test("drops managedFields and the applied copy, and says what the object is", () => {
    const read = readObject(
      {
        metadata: {
          name: "x",
          namespace: "a",
          uid: "u",
          resourceVersion: "1",
          managedFields: [{ manager: "kubectl" }],
          annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}", mine: "1" },
        },
        spec: { nodeName: "n" },
      },
      pods,
    );
    expect(read).toEqual({
      id: { apiVersion: "v1", kind: "Pod", namespace: "a", name: "x" },
      uid: "u",
      resourceVersion: "1",
      object: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          name: "x",
          namespace: "a",
          uid: "u",
          resourceVersion: "1",
          annotations: { mine: "1" },
        },
        spec: { nodeName: "n" },
      },
    });
  });

  test("keeps a label that is named __proto__ a label", () => {
    const json: unknown = JSON.parse(
      '{"metadata":{"name":"x","uid":"u","resourceVersion":"1","labels":{"__proto__":"evil"}}}',
    );
    expect(readObject(json, pods)?.object).toEqual({
      ...(json as object),
      apiVersion: "v1",
      kind: "Pod",
    });
    expect(JSON.stringify(readObject(json, pods)?.object)).toContain('"__proto__":"evil"');
  });

  test("cuts what is nested too deep, so that it can be handed to another thread", () => {
    const deep = `${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}`;
    const json: unknown = JSON.parse(
      `{"metadata":{"name":"x","uid":"u","resourceVersion":"1"},"spec":${deep},"status":{"list":[${"[".repeat(9_000)}${"]".repeat(9_000)}]}}`,
    );
    const object = readObject(json, pods)?.object;
    const copy = structuredClone(object) as Record<string, unknown>;
    // Still deeper than any reader takes, which then says so.
    expect([copy.spec, copy.status].map(depthOf)).toEqual([127, 127]);
    expect(copy.metadata).toMatchObject({ name: "x", uid: "u" });
  });

  test.each([
    ["a text", "x"],
    ["no metadata", {}],
    ["no name", { metadata: { uid: "u", resourceVersion: "1" } }],
    ["no uid", { metadata: { name: "x", resourceVersion: "1" } }],
    ["no version", { metadata: { name: "x", uid: "u" } }],
  ])("takes no object with %s", (_name, json) => {
    expect(readObject(json, pods)).toBeUndefined();
  });
});

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
