import { expect, test } from "@jest/globals";
import { createResource, type Resource, type Snapshot, snapshotOf } from "@umbra/xds";
import { Rollout } from "@umbra/xds/internal";
import { snapshot, type Texts } from "./snapshots.ts";

const settled = { isSettled: () => true, isWarm: () => true, keepsOlderRoutes: () => false };
const busy = { ...settled, isSettled: () => false };

function setUp() {
  const rollout = new Rollout();
  let held: Snapshot | undefined;
  const aimAt = (texts: Texts) => {
    held = snapshot(texts, held);
    rollout.aimAt(held);
  };
  const endpoints = () => Buffer.from(rollout.offer("eds")?.resources.get("a")?.value ?? []);
  return { rollout, aimAt, endpoints: () => endpoints().toString() };
}

const world = (cluster: string, eds: string): Texts => ({
  cds: { a: cluster },
  eds: { a: eds },
});

test("endpoints never go back to older ones, at whatever step newer ones come", () => {
  for (let step = 0; step < 8; step++) {
    const { rollout, aimAt, endpoints } = setUp();
    aimAt(world("a1", "e1"));
    while (rollout.advance(settled));
    aimAt(world("a2", "e2"));
    for (let i = 0; i < step; i++) rollout.advance(settled);
    // The last goals allow no further restart.
    for (const i of [3, 4, 5, 6, 7]) {
      aimAt(world(`a${i}`, `e${i}`));
      rollout.advance(busy);
      expect(endpoints()).toBe(`e${i}`);
      rollout.advance(settled);
      expect(endpoints()).toBe(`e${i}`);
    }
    while (rollout.advance(settled)) expect(endpoints()).toBe("e7");
    expect([endpoints(), rollout.isDone]).toEqual(["e7", true]);
  }
});

test("endpoints that change at every step do not hold up a rollout", () => {
  const { rollout, aimAt, endpoints } = setUp();
  aimAt({ ...world("a1", "e0"), lds: { http: "l1" } });
  let steps = 0;
  for (; !rollout.isDone && steps < 50; steps++) {
    rollout.advance(settled);
    aimAt({ ...world("a1", `e${steps}`), lds: { http: "l1" } });
    rollout.advance(busy);
  }
  expect(steps).toBeLessThan(10);
  expect(rollout.offer("lds")?.resources.has("http")).toBe(true);
  expect(endpoints()).toBe(`e${steps - 1}`);
});

test("a listener goes when another one takes its address, and the others go last", () => {
  const listener = (name: string, address: string) =>
    createResource(name, Buffer.from(name), address);
  const world = (...lds: readonly Resource[]) => snapshotOf({ lds });
  const rollout = new Rollout();
  rollout.aimAt(world(listener("old", ":80"), listener("gone", ":81")));
  while (rollout.advance(settled));
  rollout.aimAt(world(listener("new", ":80")));
  const seen: string[] = [];
  while (rollout.advance(settled)) {
    const { resources = new Map(), mayRemove } = rollout.offer("lds") ?? {};
    seen.push([...resources.keys(), mayRemove === true ? "only" : "more"].join(" "));
  }
  expect([...new Set(seen)]).toEqual(["old gone more", "new gone only", "new only"]);
});

test.each([
  ["each other's", [":81", ":80"], "a:81 b:80 c:82"],
  ["an address that is left", [":81", ":83"], "a:81 b:83 c:82"],
])(
  "listeners that move to %s go before they come again; the others stay",
  (_words, [a = "", b = ""], last) => {
    const listener = (name: string, address: string) =>
      createResource(name, Buffer.from(`${name} ${address}`), address);
    const world = (...lds: readonly Resource[]) => snapshotOf({ lds });
    const rollout = new Rollout();
    rollout.aimAt(world(listener("a", ":80"), listener("b", ":81"), listener("c", ":82")));
    while (rollout.advance(settled));
    rollout.aimAt(world(listener("a", a), listener("b", b), listener("c", ":82")));
    const seen: string[] = [];
    while (rollout.advance(settled)) {
      const { resources = new Map<string, Resource>() } = rollout.offer("lds") ?? {};
      seen.push([...resources.values()].map(({ name, address }) => name + address).join(" "));
    }
    expect([...new Set(seen)]).toEqual(["a:80 b:81 c:82", "c:82", last]);
  },
);
