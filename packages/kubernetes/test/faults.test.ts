import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import {
  type Followed,
  follow,
  namesOf,
  object,
  pods,
  routes,
  shortly,
  shortPace,
  until,
} from "./fixtures.ts";

describe("faults of a scripted API server", () => {
  let server: ScriptedApiServer;
  const open: Followed[] = [];
  const started = (...given: Parameters<typeof follow>): Followed => {
    const followed = follow(...given);
    open.push(followed);
    return followed;
  };
  const watched = async (...given: Parameters<typeof follow>): Promise<Followed> => {
    const followed = started(...given);
    await until("a watch", () => server.watches > 0);
    return followed;
  };

  beforeEach(async () => {
    server = new ScriptedApiServer();
    await server.start();
    server.install(pods);
  });

  afterEach(async () => {
    server.resume();
    await Promise.all(open.splice(0).map((each) => each.close()));
    await server.stop();
  });

  test("waits as long as Retry-After says before it lists again", async () => {
    server.fault({ verb: "list", times: 1, status: 429, headers: { "retry-after": "1" } });
    await watched(server);
    const [first, second] = server.seenOf("list");
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(1_000);
  });

  test("lists again, not too soon, after a list that failed or broke off", async () => {
    server.fault({ verb: "list", times: 1, status: 500 });
    server.fault({ verb: "list", times: 1, isCut: true });
    server.fault({ verb: "list", times: 1, status: 200, body: '{"items":[' });
    server.fault({ verb: "list", times: 1, status: 200, body: "[]" });
    server.resource(pods).put(object("a"));
    const followed = await watched(server);
    expect(namesOf(followed.source)).toEqual(["a"]);
    const times = server.seenOf("list").map(({ atMs }) => atMs);
    expect(times).toHaveLength(5);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(99);
    expect((times[4] ?? 0) - (times[3] ?? 0)).toBeGreaterThanOrEqual(99);
    expect(followed.problems.map(({ code }) => code)).toEqual(["UNREACHABLE", "FAILING"]);
  });

  test("continues after an API server that hung, without a list", async () => {
    const followed = await watched(server, { limits: { silenceMs: 300, answerMs: 300 } });
    server.hang();
    await until("the loss", () => followed.source.states()[0]?.condition === "unreachable");
    server.resource(pods).put(object("meanwhile"));
    server.resume();
    await until("the change", () => namesOf(followed.source).length === 1);
    expect(followed.source.states()[0]?.lists).toBe(1);
  });

  test("reports a receiver that throws, and continues", async () => {
    const followed = await watched(server, {
      onChange: (changes) => {
        followed.changes.push(...changes);
        throw new Error("mine");
      },
    });
    server.resource(pods).put(object("a"));
    await until("a change", () => followed.changes.length === 1);
    server.resource(pods).put(object("b"));
    await until("another change", () => followed.changes.length === 2);
    expect(followed.problems.map(({ code }) => code)).toEqual(["HANDLER", "HANDLER"]);
    expect(server.seenOf("watch")).toHaveLength(1);
  });

  test("lists again when events can't be read, as they would come again", async () => {
    const followed = await watched(server, { limits: { maxEventBytes: 2_000 } });
    server.resource(pods).put(object("large", { filler: "x".repeat(3_000) }));
    await until("the large one", () => namesOf(followed.source).includes("large"));
    server.resource(pods).put(object("small"));
    await until("the small one", () => namesOf(followed.source).includes("small"));
    expect(server.seenOf("list")).toHaveLength(2);
    expect(followed.problems[0]?.message).toMatch(/an event is larger than 2000 bytes/);
  });

  test("follows a kind once its CRD is there", async () => {
    const followed = await watched(server, { kinds: [pods, routes] });
    await until("synced", () => followed.source.isSynced);
    expect(followed.problems.map(({ code }) => code)).toEqual(["ABSENT"]);
    server.install(routes).put(object("route"));
    await until("the route", () => namesOf(followed.source).includes("route"));
    expect(followed.source.states()[1]).toMatchObject({
      condition: "following",
      hasBeenListed: true,
    });
  });

  test("is not synced without a kind that is required", async () => {
    const followed = await watched(server, { kinds: [pods, { ...routes, isRequired: true }] });
    await until("the absence", () => followed.problems.length === 1);
    expect(followed.source.isSynced).toBe(false);
    server.install(routes);
    await until("synced", () => followed.source.isSynced);
    expect(followed.calls).toEqual(["synced"]);
  });

  test("keeps the objects of a CRD that is deleted, and takes those of a new one", async () => {
    server.install(routes).put(object("old"));
    const followed = await watched(server, { kinds: [routes] });
    await until("the route", () => namesOf(followed.source).length === 1);
    server.uninstall(routes);
    await until("the absence", () => followed.source.states()[0]?.condition === "absent");
    expect(shortly(followed.changes)).toEqual(["put old"]);
    server.install(routes).put(object("new"));
    await until("the new route", () => namesOf(followed.source).length === 2);
    expect(shortly(followed.changes)).toEqual(["put old", "put new"]);
  });

  test("drops the objects of a CRD that stays away after a time", async () => {
    server.install(routes).put(object("old"));
    const pace = { ...shortPace, partingMs: 200 };
    const followed = await watched(server, { kinds: [routes], limits: { pace } });
    await until("the route", () => namesOf(followed.source).length === 1);
    server.uninstall(routes);
    const leftMs = performance.now();
    await until("the end", () => followed.changes.length === 2);
    expect(performance.now() - leftMs).toBeGreaterThanOrEqual(195);
    expect(shortly(followed.changes)).toEqual(["put old", "gone old"]);
    expect(namesOf(followed.source)).toEqual([]);
  });

  test("counts the time of each departure from its own beginning", async () => {
    const pace = { ...shortPace, partingMs: 1_500 };
    const followed = await watched(server, { kinds: [pods, routes], limits: { pace } });
    await until("the absence", () => followed.source.states()[1]?.condition === "absent");
    server.install(routes).put(object("old"));
    await until("the route", () => namesOf(followed.source).length === 1);
    server.uninstall(routes);
    const leftMs = performance.now();
    await until("the end", () => followed.changes.length === 2);
    expect(performance.now() - leftMs).toBeGreaterThanOrEqual(1_495);
    expect(performance.now() - leftMs).toBeLessThan(2_500);
  });

  test("tells a user's deletion of such a kind at once", async () => {
    server.install(routes).put(object("mine"));
    const followed = await watched(server, { kinds: [routes] });
    server.resource(routes).remove("default", "mine");
    await until("the deletion", () => followed.changes.length === 2);
    expect(shortly(followed.changes)).toEqual(["put mine", "gone mine"]);
    expect(server.seenOf("discovery")).toHaveLength(1);
  });

  test("reports a deletion although the message after it can't be read", async () => {
    server.install(routes).put(object("mine"));
    const followed = await watched(server, { kinds: [routes] });
    const [mine] = followed.source.objects();
    server.tellWatches(`${JSON.stringify({ type: "DELETED", object: mine })}\nno event\n`);
    await until("the deletion", () => followed.changes.length === 2);
    expect(shortly(followed.changes)).toEqual(["put mine", "gone mine"]);
  });

  test("follows only the named namespaces, and keeps selectors", async () => {
    server.resource(pods).put({ metadata: { name: "in", namespace: "a" } });
    server.resource(pods).put({ metadata: { name: "out", namespace: "b" } });
    const followed = await watched(server, {
      kinds: [{ ...pods, namespaces: ["a", "c"], labelSelector: "app=x" }],
    });
    await until("synced", () => followed.source.isSynced);
    expect(namesOf(followed.source)).toEqual(["in"]);
    expect(
      server
        .seenOf("list")
        .map(({ namespace, query }) => [namespace, query.labelSelector])
        .sort(),
    ).toEqual([
      ["a", "app=x"],
      ["c", "app=x"],
    ]);
  });

  test("asks once for all kinds while the API server is away", async () => {
    server.install(routes);
    const followed = await watched(server, { kinds: [pods, routes] });
    await until("both watches", () => server.watches === 2);
    await server.stop();
    await until("the report", () => followed.problems.length > 0);
    await server.start();
    await until("both watches again", () => server.watches === 2);
    expect(followed.problems.map(({ code }) => code)).toEqual(["UNREACHABLE"]);
  });

  test("reports once that one kind gets no answers while others do", async () => {
    server.install(routes);
    server.fault({ verb: "list", plural: "httproutes", times: 10_000, isCut: true });
    const followed = started(server, { kinds: [pods, routes] });
    const lists = () => followed.source.states().map((each) => each.lists);
    await until("ten lists", () => (lists()[1] ?? 0) >= 10);
    expect(followed.source.states()[0]?.condition).toBe("following");
    expect(followed.problems.map(({ code }) => code)).toEqual(["UNREACHABLE"]);
  });

  test("counts the seconds since the API server was heard", async () => {
    let nowMs = 0;
    const followed = started(server, { now: () => nowMs, random: () => 0 });
    await until("a watch", () => server.watches === 1);
    nowMs += 42_000;
    expect(followed.source.states()[0]?.secondsSinceContact).toBe(42);
    server.resource(pods).put(object("a"));
    await until("the change", () => followed.changes.length === 1);
    expect(followed.source.states()[0]?.secondsSinceContact).toBe(0);
  });

  test("calls nothing after it was closed", async () => {
    const followed = await watched(server);
    await followed.source.close();
    server.resource(pods).put(object("late"));
    await until("no watch", () => server.watches === 0);
    expect(followed.calls).toEqual(["synced"]);
    expect(followed.problems).toEqual([]);
  });
});
