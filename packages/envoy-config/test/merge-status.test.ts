import { describe, expect, test } from "@jest/globals";
import { mergeStatus, type ObjectStatus } from "@umbra/envoy-config";

const [before, now] = ["2026-11-30T10:00:00Z", "2026-11-30T11:00:00Z"];
const ours = "umbra.dev/gateway";
const condition = (status: string, reason = "Accepted", type = "Accepted") => ({
  ...{ type, status, reason, message: "" },
});
const stamped = (status: string, at: string, reason = "Accepted", type = "Accepted") => ({
  ...condition(status, reason, type),
  ...{ lastTransitionTime: at, observedGeneration: 2 },
});
const ref = (name: string, more = {}) => ({
  ...{ group: "gateway.networking.k8s.io", kind: "Gateway", name },
  ...more,
});
const route = (...entries: readonly object[]): ObjectStatus => ({
  of: { group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "default", name: "r" },
  generation: 2,
  own: {},
  shared: {
    ...{ field: "parents", key: "parentRef", isRequired: true },
    entries: entries as readonly Record<string, unknown>[],
  },
});
const entry = (name: string, status = "True") => ({
  ...{ parentRef: ref(name), controllerName: ours, conditions: [condition(status)] },
});
const written = (name: string, status = "True", at = before) => ({
  ...{ parentRef: ref(name), controllerName: ours, conditions: [stamped(status, at)] },
});
const theirs = (name: string) => ({
  parentRef: ref(name),
  controllerName: "example.com/other",
  conditions: [{ type: "Accepted", status: "Unknown", reason: "Theirs", extra: true }],
});

describe("a shared list", () => {
  test.each([
    {
      name: "is written first",
      present: {},
      status: route(entry("a")),
      want: { parents: [written("a", "True", now)] },
    },
    {
      name: "keeps the others' entries at their place",
      present: { parents: [theirs("x"), written("a", "False"), theirs("a")] },
      status: route(entry("b"), entry("a")),
      want: {
        parents: [theirs("x"), written("a", "True", now), theirs("a"), written("b", "True", now)],
      },
    },
    {
      name: "loses what is no longer ours",
      present: { parents: [written("a"), theirs("x"), written("b")] },
      status: route(entry("b")),
      want: { parents: [theirs("x"), written("b")] },
    },
    {
      name: "may become empty",
      present: { parents: [written("a")] },
      status: route(),
      want: { parents: [] },
    },
    {
      name: "keeps fields that are not ours",
      present: { other: 1, parents: [] },
      status: route(entry("a")),
      want: { other: 1, parents: [written("a", "True", now)] },
    },
  ])("$name", ({ present, status, want }) => {
    expect(mergeStatus(present, status, now)).toEqual({ kind: "changed", status: want });
  });

  test.each([
    {
      name: "it is as it should be",
      present: { parents: [written("a")] },
      status: route(entry("a")),
    },
    { name: "others have entries alone", present: { parents: [theirs("a")] }, status: route() },
    { name: "there was nothing and is nothing", present: {}, status: route() },
    { name: "it is empty", present: { parents: [] }, status: route() },
    {
      name: "the API server has filled in the reference's kind",
      present: { parents: [written("a")] },
      status: route({ ...entry("a"), parentRef: { name: "a" } }),
    },
  ])("is not written if $name", ({ present, status }) => {
    expect(mergeStatus(present, status, now)).toEqual({ kind: "unchanged" });
  });

  test("is left out when it is empty and need not be there", () => {
    const pool = route();
    const status: ObjectStatus = {
      ...pool,
      shared: { field: "parents", key: "parentRef", entries: [], isRequired: false },
    };
    expect(mergeStatus({ parents: [written("a")], other: 1 }, status, now)).toEqual({
      kind: "changed",
      status: { other: 1 },
    });
  });

  test("distinguishes entries of one Gateway by listener and port", () => {
    const named = (section: string, status: string) => ({
      ...entry("a", status),
      parentRef: ref("a", { sectionName: section }),
    });
    const present = {
      parents: [{ ...written("a"), parentRef: ref("a", { sectionName: "y" }) }],
    };
    const merged = mergeStatus(present, route(named("x", "False"), named("y", "True")), now);
    expect(merged).toMatchObject({
      status: {
        parents: [
          { parentRef: { sectionName: "y" }, conditions: [{ lastTransitionTime: before }] },
          { parentRef: { sectionName: "x" }, conditions: [{ lastTransitionTime: now }] },
        ],
      },
    });
  });

  test("has at most as many entries as the API server accepts", () => {
    const many = Array.from({ length: 30 }, (_, i) => theirs(`x${i}`));
    const merged = mergeStatus({ parents: many }, route(entry("a"), entry("b"), entry("c")), now);
    expect(merged).toMatchObject({
      status: { parents: [...many, { parentRef: ref("a") }, { parentRef: ref("b") }] },
    });
  });
});

describe("conditions", () => {
  const gateway = (
    conditions: readonly object[],
    listeners: readonly object[] = [],
  ): ObjectStatus => ({
    of: { group: "gateway.networking.k8s.io", kind: "Gateway", namespace: "default", name: "gw" },
    generation: 2,
    own: { conditions, listeners },
  });

  test("keep their time while their status stays, whatever the reason", () => {
    const present = { listeners: [], conditions: [stamped("False", before, "Pending")] };
    expect(mergeStatus(present, gateway([condition("False", "Invalid")]), now)).toEqual({
      kind: "changed",
      status: { listeners: [], conditions: [stamped("False", before, "Invalid")] },
    });
  });

  test("get a new time when their status changes", () => {
    const present = { listeners: [], conditions: [stamped("Unknown", before, "Pending")] };
    expect(mergeStatus(present, gateway([condition("True")]), now)).toMatchObject({
      status: { conditions: [{ status: "True", lastTransitionTime: now }] },
    });
  });

  test("name the generation that was resolved", () => {
    const old = { ...stamped("True", before), observedGeneration: 1 };
    expect(
      mergeStatus({ listeners: [], conditions: [old] }, gateway([condition("True")]), now),
    ).toEqual({
      kind: "changed",
      status: { listeners: [], conditions: [stamped("True", before)] },
    });
  });

  test("of other controllers stay at their place, and those that are no longer set go", () => {
    const other = { type: "example.com/Ready", status: "True" };
    const present = {
      listeners: [],
      conditions: [
        other,
        stamped("True", before),
        stamped("True", before, "UnsupportedValue", "PartiallyInvalid"),
      ],
    };
    expect(mergeStatus(present, gateway([condition("True")]), now)).toEqual({
      kind: "changed",
      status: { listeners: [], conditions: [other, stamped("True", before)] },
    });
  });

  test("of listeners are found by name", () => {
    const listener = (name: string, conditions: readonly object[]) => ({ name, conditions });
    const present = {
      conditions: [],
      listeners: [listener("a", [stamped("True", before)]), listener("gone", [])],
    };
    const status = gateway(
      [],
      [listener("b", [condition("True")]), listener("a", [condition("True")])],
    );
    expect(mergeStatus(present, status, now)).toEqual({
      kind: "changed",
      status: {
        conditions: [],
        listeners: [
          listener("b", [stamped("True", now)]),
          listener("a", [stamped("True", before)]),
        ],
      },
    });
  });

  test("are written once: what was written needs no other write", () => {
    const status = gateway([condition("True")], [{ name: "a", conditions: [condition("False")] }]);
    const first = mergeStatus({}, status, before);
    const stored = JSON.parse(JSON.stringify(first)) as { status: Record<string, unknown> };
    expect(first.kind).toBe("changed");
    expect(mergeStatus(stored.status, status, now)).toEqual({ kind: "unchanged" });
  });
});
