import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type ApiClient,
  createStatusWriter,
  type JsonObject,
  type StatusOutcome,
  type StatusTarget,
  type StatusWriter,
  type StatusWriterOptions,
} from "@umbra/kubernetes";
import { defaultStatusPace, StatusQueue } from "@umbra/kubernetes/internal";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import type { StoredResource } from "../../../testing/api-server/scripted-store.ts";
import { clientOf, object, routes, until } from "./fixtures.ts";

const target = (name: string): StatusTarget => ({ kind: routes, namespace: "default", name });

describe("the queue of statuses", () => {
  const queueOf = () => new StatusQueue<string>(defaultStatusPace, () => 0);
  const cause = {};
  const namesDue = (queue: StatusQueue<string>, nowMs: number) =>
    queue.take(10, nowMs).map((each) => each.target);

  test("has each object once, and gives it out once at a time", () => {
    const queue = queueOf();
    queue.add("a", "a", 0);
    queue.add("a", "a", 0);
    expect([queue.size, queue.nextMs(0)]).toEqual([1, 0]);
    expect(namesDue(queue, 0)).toEqual(["a"]);
    queue.add("a", "a", 1);
    expect(namesDue(queue, 1)).toEqual([]);
    queue.done("a", { kind: "settled" }, 2);
    expect(namesDue(queue, 2)).toEqual(["a"]);
  });

  test("writes an object at most once a second", () => {
    const queue = queueOf();
    queue.add("a", "a", 0);
    queue.take(1, 0);
    queue.add("a", "a", 5);
    queue.done("a", { kind: "written", cause }, 10);
    queue.add("a", "a", 20);
    expect(queue.nextMs(20)).toBe(1_010);
    queue.add("b", "b", 20);
    expect(namesDue(queue, 20)).toEqual(["b"]);
  });

  test.each([
    { name: "a failure", attempt: { kind: "failed" as const }, want: [1_000, 2_000, 4_000] },
    {
      name: "a failure with the API server's own wait",
      attempt: { kind: "failed" as const, retryAfterMs: 7_000 },
      want: [7_000, 7_000, 7_000],
    },
    {
      name: "a failure with a wait that is too long",
      attempt: { kind: "failed" as const, retryAfterMs: 1e10 },
      want: [60_000, 60_000, 60_000],
    },
    { name: "a refusal", attempt: { kind: "refused" as const }, want: [60_000, 60_000, 60_000] },
  ])("waits after $name", ({ attempt, want }) => {
    const queue = queueOf();
    queue.add("a", "a", 0);
    const waits = want.map(() => {
      const nowMs = queue.nextMs(0) ?? 0;
      queue.take(1, nowMs);
      queue.done("a", attempt, nowMs);
      // A change does not end the wait.
      queue.add("a", "a", nowMs);
      return (queue.nextMs(nowMs) ?? 0) - nowMs;
    });
    expect(waits).toEqual(want);
  });

  test("waits ever longer between writes of the same, which another undoes, and at once no more when it differs", () => {
    const queue = queueOf();
    const waitAfter = (of: object, nowMs: number) => {
      queue.add("a", "a", nowMs);
      const at = queue.nextMs(nowMs) ?? 0;
      queue.take(1, at);
      queue.done("a", { kind: "written", cause: of }, at);
      queue.add("a", "a", at);
      return (queue.nextMs(at) ?? 0) - at;
    };
    const waits = Array.from({ length: 8 }, () => waitAfter(cause, queue.nextMs(0) ?? 0));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(waitAfter({}, queue.nextMs(0) ?? 0)).toBe(1_000);
  });

  test("does not remember what was written long ago", () => {
    const queue = queueOf();
    for (let at = 0; at < 2_000; at++) {
      queue.add(`${at}`, `${at}`, 0);
      queue.take(1, 0);
      queue.done(`${at}`, { kind: "written", cause }, 0);
    }
    queue.add("a", "a", 200_000);
    queue.clear();
    expect([queue.size, queue.nextMs(200_000)]).toEqual([0, undefined]);
    // Else it would be the same a second time, and wait longer.
    queue.add("7", "7", 200_000);
    queue.take(1, 200_000);
    queue.done("7", { kind: "written", cause }, 200_000);
    queue.add("7", "7", 200_000);
    expect(queue.nextMs(200_000)).toBe(201_000);
  });
});

describe("createStatusWriter", () => {
  let server: ScriptedApiServer;
  let client: ApiClient;
  let resource: StoredResource;
  let outcomes: StatusOutcome[] = [];
  let problems: string[] = [];
  let writer: StatusWriter;
  let remainingMs = 10_000;
  let wanted: JsonObject = {};

  /** A writer whose times are ten times shorter. */
  function start(options: Partial<StatusWriterOptions> = {}): void {
    writer = createStatusWriter({
      client,
      remainingMs: () => remainingMs,
      change: () => ({ status: wanted, cause: wanted }),
      onOutcome: (_, outcome) => outcomes.push(outcome),
      onProblem: (words) => problems.push(words),
      pace: { everyMs: 100, refusedMs: 200 },
      ...options,
    });
  }

  beforeEach(async () => {
    server = new ScriptedApiServer();
    await server.start();
    resource = server.install(routes);
    client = clientOf(server);
    [outcomes, problems, remainingMs, wanted] = [[], [], 10_000, { a: 1 }];
    start();
  });

  afterEach(async () => {
    await writer.close();
    await client.close();
    await server.stop();
  });

  test("writes an object's status once, however often it is added", async () => {
    resource.put(object("r"));
    for (let at = 0; at < 20; at++) writer.add(target("r"));
    await until("it is written", () => outcomes.includes("written"));
    writer.add(target("r"));
    await until("it is looked at again", () => outcomes.length >= 2);
    expect(outcomes.filter((each) => each === "written")).toHaveLength(1);
    expect(server.seenOf("patch")).toHaveLength(1);
    expect(resource.get("default", "r")?.status).toEqual({ a: 1 });
  });

  test("leaves a pause between two writes of one object, and none for others", async () => {
    resource.put(object("r"));
    resource.put(object("s"));
    let at = 0;
    await writer.close();
    start({ change: () => ({ status: { a: at++ }, cause: {} }) });
    writer.add(target("r"));
    await until("it is written", () => outcomes.length === 1);
    writer.add(target("r"));
    writer.add(target("s"));
    await until("both are written", () => outcomes.length === 3);
    const times = server.seenOf("patch").map(({ atMs }) => atMs);
    expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(95);
    expect(resource.get("default", "s")?.status).toEqual({ a: 1 });
  });

  test("names the rules of a missing right once, and writes once it is there", async () => {
    server.forbid("patch", "httproutes");
    for (const name of ["r", "s"]) {
      resource.put(object(name));
      writer.add(target(name));
    }
    await until("both are refused", () => outcomes.length >= 2);
    expect(new Set(outcomes)).toEqual(new Set(["forbidden"]));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(
      /^the status of httproutes\.gateway\.networking\.k8s\.io can't be written: .*namespace "default".*"resources":\["httproutes\/status"\],"verbs":\["patch"\]/,
    );
    server.allow("patch", "httproutes");
    await until(
      "both are written",
      () => outcomes.filter((each) => each === "written").length === 2,
    );
    expect(problems).toHaveLength(1);
  });

  test.each([
    { name: "an error", fault: { status: 500 } },
    { name: "too many requests", fault: { status: 429, headers: { "retry-after": "1" } } },
    { name: "a broken connection", fault: { isCut: true } },
  ])("tries again after $name", async ({ fault }) => {
    server.fault({ verb: "patch", times: 1, ...fault });
    resource.put(object("r"));
    writer.add(target("r"));
    await until("it is written", () => outcomes.includes("written"));
    expect(outcomes).toEqual(["failed", "written"]);
    expect(problems).toHaveLength(1);
  });

  test("waits long after a status that the API server does not take", async () => {
    server.fault({ verb: "patch", times: 1, status: 422 });
    resource.put(object("r"));
    writer.add(target("r"));
    await until("it is written", () => outcomes.includes("written"));
    expect(outcomes).toEqual(["refused", "written"]);
  });

  test("writes nothing without the lease, and drops what waits when it is lost", async () => {
    resource.put(object("r"));
    remainingMs = 0;
    writer.add(target("r"));
    await until("it was looked at", () => outcomes.length === 1);
    expect(outcomes).toEqual(["not-holder"]);
    remainingMs = 10_000;
    server.hang();
    writer.add(target("r"));
    await until("it is under way", () => writer.pending === 0);
    writer.clear();
    server.resume();
    remainingMs = 0;
    await writer.close();
    expect([outcomes, server.seenOf("patch")]).toEqual([["not-holder"], []]);
  });

  test("names a status that the API server refuses until it is accepted, although others are accepted", async () => {
    await writer.close();
    start({ pace: { everyMs: 100, refusedMs: 3_000 } });
    for (const name of ["r", "s"]) resource.put(object(name));
    server.fault({ verb: "patch", times: 1, status: 422 });
    writer.add(target("r"));
    await until("it is refused", () => outcomes.length === 1);
    writer.add(target("s"));
    await until("the other is written", () => outcomes.length === 2);
    expect([outcomes, problems.length]).toEqual([["refused", "written"], 1]);
    expect(writer.problems).toEqual(problems);
    await until("it is written", () => outcomes.length === 3);
    expect([outcomes[2], problems.length, writer.problems]).toEqual(["written", 1, []]);
  });

  test("does nothing for an object that was deleted", async () => {
    writer.add(target("r"));
    await until("it was looked at", () => outcomes.length === 1);
    expect([outcomes, problems, writer.pending]).toEqual([["gone"], [], 0]);
  });
});
