import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type ApiClient,
  type JsonObject,
  type PatchStatusOptions,
  patchStatus,
} from "@umbra/kubernetes";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import type { StoredResource } from "../../../testing/api-server/scripted-store.ts";
import { clientOf, object, routes } from "./fixtures.ts";

describe("patchStatus", () => {
  let server: ScriptedApiServer;
  let client: ApiClient;
  let resource: StoredResource;
  const patch = (options: Partial<PatchStatusOptions> = {}): ReturnType<typeof patchStatus> =>
    patchStatus({
      client,
      kind: routes,
      namespace: "default",
      name: "route",
      change: ({ status }) => withParent(status as JsonObject | undefined, "ours"),
      ...options,
    });

  beforeEach(async () => {
    server = new ScriptedApiServer();
    await server.start();
    resource = server.install(routes);
    client = clientOf(server);
  });

  afterEach(async () => {
    await client.close();
    await server.stop();
  });

  test("keeps what others wrote, and the spec", async () => {
    resource.put(object("route", { spec: { rules: 1 }, status: { parents: ["theirs"] } }));
    expect(await patch()).toBe("written");
    expect(resource.get("default", "route")).toMatchObject({
      spec: { rules: 1 },
      status: { parents: ["theirs", "ours"] },
    });
  });

  test("writes nothing without a change", async () => {
    resource.put(object("route", { status: { parents: ["ours"] } }));
    expect(await patch()).toBe("unchanged");
    expect(await patch({ change: () => undefined })).toBe("unchanged");
    expect(server.seenOf("patch")).toHaveLength(0);
  });

  test("reads again when another wrote between reading and writing", async () => {
    resource.put(object("route"));
    let reads = 0;
    const outcome = await patch({
      change: ({ status }) => {
        reads++;
        if (reads === 1) resource.put(object("route", { status: { parents: ["theirs"] } }));
        return withParent(status as JsonObject | undefined, "ours");
      },
    });
    expect(outcome).toBe("written");
    expect(reads).toBe(2);
    expect(resource.get("default", "route")?.status).toEqual({ parents: ["theirs", "ours"] });
  });

  test("gives up after five conflicts", async () => {
    resource.put(object("route"));
    let reads = 0;
    const outcome = await patch({
      change: () => {
        resource.put(object("route", { status: { parents: [`theirs ${reads}`] } }));
        return { parents: [`ours ${reads++}`] };
      },
    });
    expect([outcome, reads]).toEqual(["conflict", 5]);
  });

  test("does not write once the lease is lost", async () => {
    resource.put(object("route"));
    expect(await patch({ remainingMs: () => 0 })).toBe("not-holder");
    expect(server.seenOf("patch")).toHaveLength(0);
  });

  test("an object that was deleted is not an error", async () => {
    expect(await patch()).toBe("gone");
  });

  test("throws what the API server refuses", async () => {
    resource.put(object("route"));
    server.forbid("patch", "httproutes");
    await expect(patch()).rejects.toMatchObject({ code: "REFUSED", status: 403 });
  });
});

function withParent(status: JsonObject | undefined, parent: string): JsonObject {
  const parents = (status?.parents ?? []) as string[];
  return { ...status, parents: parents.includes(parent) ? parents : [...parents, parent] };
}
