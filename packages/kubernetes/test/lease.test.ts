import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { holdLease, type LeaseHolder, type LeaseOptions } from "@umbra/kubernetes";
import {
  afterLook,
  afterWrite,
  defaultLeaseTiming,
  type LeaseRecord,
  type LeaseState,
  remainingMsOf,
  stepOf,
} from "@umbra/kubernetes/internal";
import fc from "fast-check";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { clientOf, until } from "./fixtures.ts";

const leases = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  isNamespaced: true,
};

function record(overrides: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    holder: "other",
    durationMs: 10_000,
    transitions: 0,
    acquireTime: "",
    resourceVersion: "5",
    ...overrides,
  };
}

const seen: LeaseState = { seen: { resourceVersion: "5", sinceMs: 1_000 } };

describe("what to do with a lease", () => {
  test.each([
    { name: "creates one that is not there", found: undefined, nowMs: 0, want: "create" },
    { name: "takes one that no one holds", found: record({ holder: "" }), nowMs: 0, want: "take" },
    { name: "renews its own", found: record({ holder: "me" }), nowMs: 0, want: "renew" },
    { name: "waits while another's is young", found: record(), nowMs: 10_999, want: "wait" },
    {
      name: "takes another's once it was not renewed in time",
      found: record(),
      nowMs: 11_000,
      want: "take",
    },
    {
      name: "waits again after a renewal",
      found: record({ resourceVersion: "6" }),
      nowMs: 11_000,
      want: "wait",
    },
  ])("$name", ({ found, nowMs, want }) => {
    const state = afterLook(seen, found, "me", nowMs);
    expect(stepOf(state, found, "me", nowMs)).toBe(want);
  });

  test("is lost at once when another holds it, after a conflict, and when it was not renewed in time", () => {
    const held = afterWrite(seen, "written", 1_000, defaultLeaseTiming);
    expect(remainingMsOf(held, 1_000)).toBe(7_000);
    expect(remainingMsOf(afterWrite(held, "failed", 4_000, defaultLeaseTiming), 7_999)).toBe(1);
    expect(remainingMsOf(held, 8_000)).toBe(0);
    expect(remainingMsOf(afterLook(held, record(), "me", 1_001), 1_001)).toBe(0);
    expect(remainingMsOf(afterWrite(held, "conflict", 1_001, defaultLeaseTiming), 1_001)).toBe(0);
  });

  test("two of three processes never hold it together, in any order and with any delays", () => {
    // Most steps are short: else every lease runs out before another process has read twice.
    const pauseMs = fc.oneof(
      { weight: 6, arbitrary: fc.nat(20) },
      { weight: 1, arbitrary: fc.nat(6_000) },
    );
    const step = fc.record({ who: fc.nat(2), pauseMs, isAnswerLost: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const world = new LeaseWorld();
        const most = steps.map((each) => world.take(each));
        expect(Math.max(0, ...most)).toBeLessThanOrEqual(1);
      }),
      { numRuns: propertyRuns(250, 3_000) },
    );
  });

  test("the world of that property has holders, and changes of holders", () => {
    const world = new LeaseWorld();
    const first = Array.from({ length: 4 }, () =>
      world.take({ who: 0, pauseMs: 10, isAnswerLost: false }),
    );
    expect(first).toEqual([0, 0, 0, 1]);
    world.take({ who: 1, pauseMs: 10, isAnswerLost: false });
    const second = Array.from({ length: 4 }, () =>
      world.take({ who: 1, pauseMs: 5_000, isAnswerLost: false }),
    );
    expect(second).toEqual([1, 0, 0, 0]);
    expect(world.holder).toBe("process-1");
  });
});

interface LeaseProcess {
  readonly identity: string;
  phase: number;
  state: LeaseState;
  looked: LeaseRecord | undefined;
  isWriting: boolean;
  sentMs: number;
  outcome: "written" | "conflict" | "failed";
}

/** Three processes and a lease. Each reads, sends, is served and is answered, and anything may happen in between. */
class LeaseWorld {
  #nowMs = 0;
  #stored: LeaseRecord | undefined;
  readonly #processes: readonly LeaseProcess[] = [0, 1, 2].map((index) => ({
    identity: `process-${index}`,
    phase: 0,
    state: {},
    looked: undefined,
    isWriting: false,
    sentMs: 0,
    outcome: "failed",
  }));

  get holder(): string | undefined {
    return this.#stored?.holder;
  }

  /** Takes one process one step further; returns how many hold the lease then. */
  take({
    who,
    pauseMs,
    isAnswerLost,
  }: {
    who: number;
    pauseMs: number;
    isAnswerLost: boolean;
  }): number {
    this.#nowMs += pauseMs;
    const process = this.#processes[who];
    if (process === undefined) throw new Error("no such process");
    if (process.phase === 0) this.#read(process);
    else if (process.phase === 1) process.sentMs = this.#nowMs;
    else if (process.phase === 2) this.#serve(process);
    else this.#answer(process, isAnswerLost);
    const isDone = process.phase === 3 || (process.phase === 0 && !process.isWriting);
    process.phase = isDone ? 0 : process.phase + 1;
    return this.#processes.filter(({ state }) => remainingMsOf(state, this.#nowMs) > 0).length;
  }

  #read(process: LeaseProcess): void {
    process.looked = this.#stored;
    process.state = afterLook(process.state, this.#stored, process.identity, this.#nowMs);
    process.isWriting =
      stepOf(process.state, this.#stored, process.identity, this.#nowMs) !== "wait";
  }

  /** The API server takes a write only if the version is the one that was read. */
  #serve(process: LeaseProcess): void {
    const version = this.#stored?.resourceVersion;
    process.outcome = version === process.looked?.resourceVersion ? "written" : "conflict";
    if (process.outcome === "conflict") return;
    const resourceVersion = String(Number(version ?? 0) + 1);
    this.#stored = record({ holder: process.identity, resourceVersion });
  }

  #answer(process: LeaseProcess, isLost: boolean): void {
    const outcome = isLost ? "failed" : process.outcome;
    process.state = afterWrite(process.state, outcome, process.sentMs, defaultLeaseTiming);
  }
}

describe("holding a lease of a scripted API server", () => {
  let server: ScriptedApiServer;
  const holders: LeaseHolder[] = [];
  const events: string[] = [];
  const hold = (identity: string, options: Partial<LeaseOptions> = {}): LeaseHolder => {
    const holder = holdLease({
      client: clientOf(server),
      namespace: "umbra",
      name: "status",
      identity,
      timing: { durationMs: 1_000, heldMs: 400, renewEveryMs: 60, retryEveryMs: 20 },
      onAcquired: () => events.push(`${identity} acquired`),
      onLost: () => events.push(`${identity} lost`),
      ...options,
    });
    holders.push(holder);
    return holder;
  };

  beforeEach(async () => {
    events.length = 0;
    server = new ScriptedApiServer();
    await server.start();
    server.install(leases);
  });

  afterEach(async () => {
    server.resume();
    await Promise.all(holders.splice(0).map((each) => each.close()));
    await server.stop();
  });

  test("one of two holds it, and the other takes it at once when it is given back", async () => {
    const first = hold("first");
    await until("the first holds it", () => first.remainingMs() > 0);
    const second = hold("second");
    await until("a renewal", () => server.seenOf("update").length > 2);
    expect(second.remainingMs()).toBe(0);
    await first.close();
    await until("the second holds it", () => second.remainingMs() > 0, 900);
    expect(events).toEqual(["first acquired", "first lost", "second acquired"]);
    expect(server.resource(leases).get("umbra", "status")).toMatchObject({
      spec: { holderIdentity: "second", leaseDurationSeconds: 1, leaseTransitions: 1 },
    });
  });

  test("is lost while the API server does not answer, before another could take it", async () => {
    const holder = hold("only");
    await until("held", () => holder.remainingMs() > 0);
    server.hang();
    await until("lost", () => events.length === 2, 900);
    expect(events).toEqual(["only acquired", "only lost"]);
    expect(holder.remainingMs()).toBe(0);
    server.resume();
    await until("held again", () => holder.remainingMs() > 0);
  });

  test("ends soon while the API server does not answer", async () => {
    const errors: string[] = [];
    const holder = hold("only", {
      timing: { durationMs: 30_000, heldMs: 20_000, renewEveryMs: 300, retryEveryMs: 20 },
      onError: ({ code }) => errors.push(code),
    });
    await until("held", () => holder.remainingMs() > 0);
    server.hang();
    const startedMs = performance.now();
    await holder.close();
    expect(performance.now() - startedMs).toBeLessThan(8_000);
    expect(errors).toEqual(["TIMEOUT"]);
  });

  test("is lost when another has written itself into it", async () => {
    const holder = hold("mine");
    await until("held", () => holder.remainingMs() > 0);
    server.resource(leases).put({
      metadata: { name: "status", namespace: "umbra" },
      spec: { holderIdentity: "thief", leaseDurationSeconds: 3_600 },
    });
    await until("lost", () => events.length === 2);
    expect(events).toEqual(["mine acquired", "mine lost"]);
  });

  test("reports what keeps it from the lease", async () => {
    const errors: string[] = [];
    server.forbid("create", "leases");
    hold("me", { onError: ({ message }) => errors.push(message) });
    await until("an error", () => errors.length > 0);
    expect(errors[0]).toMatch(/POST .*leases: 403: leases is forbidden/);
  });
});
