import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { JsonObject } from "@umbra/kubernetes";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import {
  type Followed,
  follow,
  namesOf,
  object,
  pods,
  routes,
  shortly,
  until,
} from "./fixtures.ts";

describe("following a scripted API server", () => {
  let server: ScriptedApiServer;
  const open: Followed[] = [];
  const started = (...given: Parameters<typeof follow>): Followed => {
    const followed = follow(...given);
    open.push(followed);
    return followed;
  };

  beforeEach(async () => {
    server = new ScriptedApiServer();
    await server.start();
    server.install(pods);
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
    await server.stop();
  });

  test("lists, says that it is synced, and then takes events", async () => {
    server.resource(pods).put(object("a"));
    const followed = started(server);
    await until("a watch", () => server.watches === 1);
    expect(followed.calls).toEqual(["change", "synced"]);
    server.resource(pods).put(object("b"));
    server.resource(pods).put(object("a", { spec: { changed: true } }));
    server.resource(pods).remove("default", "b");
    await until("the deletion", () => followed.changes.length === 4);
    expect(shortly(followed.changes)).toEqual(["put a", "put b", "put a", "gone b"]);
    expect(namesOf(followed.source)).toEqual(["a"]);
  });

  test("holds only what its kind keeps, and drops an object of which nothing is kept any more", async () => {
    const keep = ({ metadata, spec }: JsonObject): JsonObject | undefined =>
      spec === undefined ? undefined : { metadata, kind: "Kept" };
    server.resource(pods).put(object("a", { spec: {} }));
    server.resource(pods).put(object("b"));
    const followed = started(server, { kinds: [{ ...pods, keep }] });
    await until("a watch", () => server.watches === 1);
    expect(followed.source.objects()).toEqual([{ metadata: expect.anything(), kind: "Kept" }]);
    server.resource(pods).put(object("a"));
    server.resource(pods).put(object("b", { spec: {} }));
    await until("both", () => followed.changes.length === 3);
    expect(shortly(followed.changes)).toEqual(["put a", "gone a", "put b"]);
    server.resource(pods).remove("default", "a");
    server.resource(pods).remove("default", "b");
    await until("the deletion", () => followed.changes.length === 4);
    expect(namesOf(followed.source)).toEqual([]);
    expect(followed.source.states()[0]).toMatchObject({ objects: 0, lists: 1 });
  });

  test("asks for pages, and for bookmarks", async () => {
    for (let index = 0; index < 5; index++) server.resource(pods).put(object(`pod-${index}`));
    const followed = started(server, {
      limits: { list: { pageObjects: 2, maxPageBytes: 1_000_000, maxObjects: 100 } },
    });
    await until("a watch", () => server.watches === 1);
    expect(namesOf(followed.source)).toHaveLength(5);
    expect(server.seenOf("list").map(({ query }) => query)).toEqual([
      { limit: "2" },
      { limit: "2", continue: "2" },
      { limit: "2", continue: "4" },
    ]);
    expect(server.seenOf("watch")[0]?.query).toMatchObject({
      allowWatchBookmarks: "true",
      resourceVersion: "105",
    });
  });

  test("asks for smaller pages when one is too large", async () => {
    for (let index = 0; index < 8; index++) {
      server.resource(pods).put(object(`pod-${index}`, { filler: "x".repeat(1_000) }));
    }
    const followed = started(server, {
      limits: { list: { pageObjects: 8, maxPageBytes: 3_500, maxObjects: 100 } },
    });
    await until("a watch", () => server.watches === 1);
    expect(namesOf(followed.source)).toHaveLength(8);
    expect(server.seenOf("list").map(({ query }) => query.limit)).toEqual([
      "8",
      "2",
      "2",
      "2",
      "2",
    ]);
  });

  test("continues at once after the server has closed the watch, from where it was", async () => {
    const followed = started(server);
    await until("a watch", () => server.watches === 1);
    server.resource(pods).put(object("before"));
    await until("the change", () => namesOf(followed.source).length === 1);
    server.closeWatches();
    await until("another watch", () => server.seenOf("watch").length === 2);
    server.resource(pods).put(object("between"));
    await until("the change", () => namesOf(followed.source).length === 2);
    expect(server.seenOf("list")).toHaveLength(1);
    expect(server.seenOf("watch")[1]?.query.resourceVersion).toBe("101");
  });

  test("lists again after 410, and reports what changed meanwhile", async () => {
    server.resource(pods).put(object("stays"));
    server.resource(pods).put(object("goes"));
    const followed = started(server);
    await until("a watch", () => server.watches === 1);
    followed.changes.length = 0;
    await server.stop();
    server.resource(pods).remove("default", "goes");
    server.resource(pods).put(object("comes"));
    server.resource(pods).compact();
    await server.start();
    await until("a second list", () => followed.changes.length === 2);
    expect(shortly(followed.changes)).toEqual(["gone goes", "put comes"]);
    expect(server.seenOf("list")).toHaveLength(2);
  });

  test("keeps the last state while the API server is away, and continues when it is back", async () => {
    server.resource(pods).put(object("a"));
    const followed = started(server);
    await until("a watch", () => server.watches === 1);
    await server.stop();
    await until("the loss", () => followed.source.states()[0]?.condition === "unreachable");
    expect(namesOf(followed.source)).toEqual(["a"]);
    server.resource(pods).put(object("b"));
    await server.start();
    await until("the change", () => namesOf(followed.source).length === 2);
    expect(followed.source.states()[0]).toMatchObject({ condition: "following", lists: 1 });
  });

  test("replaces a watch that is silent", async () => {
    const followed = started(server, { limits: { silenceMs: 200 } });
    await until("two watches", () => server.seenOf("watch").length >= 2);
    expect(followed.source.states()[0]).toMatchObject({ condition: "following", lists: 1 });
    expect(followed.problems).toEqual([]);
  });

  test("starts without an optional kind that can't be listed, and takes it when it can", async () => {
    server.install(routes).put(object("late"));
    server.fault({ verb: "list", plural: "httproutes", times: 8, status: 500 });
    server.resource(pods).put(object("a"));
    const followed = started(server, {
      kinds: [pods, { ...routes, isOptional: true }],
      limits: { optionalMs: 200 },
    });
    await until("the start", () => followed.calls.includes("synced"));
    expect(namesOf(followed.source)).toEqual(["a"]);
    await until("the report", () => followed.problems.length > 0);
    expect(followed.problems).toMatchObject([{ code: "FAILING" }]);
    await until("the rest", () => namesOf(followed.source).length === 2);
  });

  test("waits for a kind that is not optional", async () => {
    server.install(routes);
    server.fault({ verb: "list", plural: "httproutes", times: 3, status: 500 });
    const followed = started(server, { kinds: [pods, routes], limits: { optionalMs: 1 } });
    await until("all", () => followed.calls.includes("synced"));
    expect(server.seenOf("list", "httproutes")).toHaveLength(4);
  });

  test("names a missing right and the rule to add, and follows the other kinds", async () => {
    server.install(routes);
    server.resource(pods).put(object("a"));
    server.forbid("list", "httproutes");
    const followed = started(server, { kinds: [pods, { ...routes, namespaces: ["team"] }] });
    await until("synced", () => followed.source.isSynced);
    expect(namesOf(followed.source)).toEqual(["a"]);
    expect(followed.problems).toMatchObject([
      {
        code: "FORBIDDEN",
        missing: {
          verb: "list",
          group: "gateway.networking.k8s.io",
          resource: "httproutes",
          namespace: "team",
          rule: '{"apiGroups":["gateway.networking.k8s.io"],"resources":["httproutes"],"verbs":["list","watch"]}',
        },
      },
    ]);
    server.allow("list", "httproutes");
    server.resource(routes).put({ metadata: { name: "r", namespace: "team" } });
    await until("the route", () => namesOf(followed.source).length === 2);
    expect(followed.source.states().map(({ condition }) => condition)).toEqual([
      "following",
      "following",
    ]);
  });
});
