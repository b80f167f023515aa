import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { propertyRuns } from "../../../../testing/property-runs.ts";
import { createMirrorRegistry, type MirrorRegistry } from "../../src/mirror/mirror-registry.ts";
import { type MirrorChange, topologyWith, view } from "./mirror-fixtures.ts";

const noneNamed = () => false;
const allNamed = () => true;

function registryOf(...mirrors: readonly MirrorChange[]) {
  const clock = { ms: 0 };
  const registry = createMirrorRegistry(topologyWith(...mirrors), () => clock.ms);
  const change = (...next: readonly MirrorChange[]) => registry.begin(topologyWith(...next));
  return { clock, registry, change };
}

/** Mirrors requests in `m0`, whose twins end with these results. */
function mirror(registry: MirrorRegistry, count: number, isError: boolean): void {
  const gate = registry.gateOf("m0");
  for (let i = 0; i < count; i++) {
    gate?.decide(view(`r${i}`));
    gate?.finished(`r${i}`, { isError, tokens: 10 });
  }
}

const budget = {
  ...{ maxInFlight: 32, maxRequests: 100, maxTokens: 10_000 },
  ...{ maxDurationMs: 60_000, maxBodyBytes: 1_000 },
};

describe("a controller whose route, shadow pool and policy stay", () => {
  test("keeps counts, breaker and pause when its percentage changes", () => {
    const { registry, change } = registryOf({ name: "m0", perMillion: 1_000_000 });
    mirror(registry, 60, true);
    registry.gates[0]?.pause("protection");
    const before = registry.gates[0]?.state();
    change({ name: "m0", perMillion: 250_000 });
    registry.retire(noneNamed);
    expect(before).toMatchObject({ breaker: "open", sampled: 60, percent: 100 });
    expect(registry.gates.map((gate) => gate.state())).toEqual([{ ...before, percent: 25 }]);
  });

  test("has the new budget's limits and what was used before", () => {
    const policyMore = { budget };
    const { registry, change } = registryOf({ name: "m0", perMillion: 1_000_000, policyMore });
    mirror(registry, 50, false);
    expect(registry.gates[0]?.state().budgetUsed).toMatchObject({ requests: 0.5, tokens: 0.05 });
    change({
      name: "m0",
      perMillion: 1_000_000,
      policyMore: { budget: { ...budget, maxRequests: 50 } },
    });
    expect(registry.gates[0]?.decide(view("more"))).toMatchObject({ drop: "requests" });
  });

  test("keeps an operator's share until the configured one changes", () => {
    const { registry, change } = registryOf({ name: "m0", perMillion: 100_000 });
    registry.gates[0]?.setShare(400_000);
    change({ name: "m0", perMillion: 100_000, evaluation: { observeUnmirroredPercent: 1 } });
    expect(registry.gates[0]?.state().percent).toBe(40);
    change({ name: "m0", perMillion: 200_000 });
    expect(registry.gates[0]?.state().percent).toBe(20);
  });

  test("stays when a rule before it moves its name", () => {
    const { registry, change } = registryOf({ name: "m0", pool: "default/b" });
    mirror(registry, 5, false);
    change({ name: "m0", pool: "default/c" }, { name: "m1", pool: "default/b" });
    expect(registry.gateOf("m1")?.state().eligible).toBe(5);
    expect(registry.gateOf("m0")?.state().eligible).toBe(0);
  });

  test.each<{ name: string; next: MirrorChange }>([
    { name: "pool", next: { name: "m0", pool: "default/c" } },
    { name: "route", next: { name: "m0", route: "other" } },
    { name: "policy", next: { name: "m0", policy: "default/other" } },
    { name: "policy, which it has lost", next: { name: "m0", policy: null } },
  ])("is another one for another $name", ({ next }) => {
    const { registry, change } = registryOf({ name: "m0" });
    mirror(registry, 5, false);
    change(next);
    registry.retire(noneNamed);
    expect(registry.gates.map((gate) => gate.state().eligible)).toEqual([0]);
  });
});

describe("sampling", () => {
  // The draw is a hash of the request, so a larger share draws the same requests and more.
  test("a larger percentage draws a superset of the requests", () => {
    const { registry, change } = registryOf({ name: "m0", perMillion: 100_000 });
    const drawn = () =>
      Array.from({ length: 2_000 }, (_, i) => `r${i}`).filter((id) => {
        const isDrawn = registry.gateOf("m0")?.decide(view(id)).kind === "mirrored";
        registry.gateOf("m0")?.finished(id);
        return isDrawn;
      });
    const few = drawn();
    change({ name: "m0", perMillion: 250_000 });
    const more = new Set(drawn());
    expect(few.length).toBeGreaterThan(100);
    expect(more.size).toBeGreaterThan(2 * few.length);
    expect(few.filter((id) => !more.has(id))).toEqual([]);
  });
});

describe("a mirror that leaves", () => {
  test("gets twins until Envoy's routes have changed, and none afterwards", () => {
    const { registry, change } = registryOf({ name: "m0" }, { name: "m1", pool: "default/c" });
    const names = () => registry.of("m0,m1").map((each) => each.mirror.name);
    change({ name: "m1", pool: "default/c" });
    expect(names()).toEqual(["m0", "m1"]);
    registry.retire(allNamed);
    expect(names()).toEqual(["m1"]);
  });

  test("stays known to its last live twin, and its counts with it", () => {
    const { registry, change } = registryOf({ name: "m0" });
    const gate = registry.gateOf("m0");
    gate?.decide(view("r"));
    change();
    registry.retire((name) => name === "m0");
    expect(registry.gates).toEqual([gate]);
    expect(registry.get("m0")?.mirror.policy?.name).toBe("default/p");
    registry.finished({ mirror: "m0", requestId: "r", isCounted: true });
    registry.retire(noneNamed);
    expect([registry.gates, registry.get("m0"), registry.isRetiring]).toEqual([
      [],
      undefined,
      false,
    ]);
  });

  test("whose name has another pool by now counts its own twins", () => {
    const { registry, change } = registryOf({ name: "m0", pool: "default/b" });
    const gate = registry.gateOf("m0");
    gate?.decide(view("r"));
    change({ name: "m0", pool: "default/c" });
    registry.retire(noneNamed);
    expect(registry.gates.map(({ candidate }) => candidate)).toContain("default/b");
    registry.finished({ mirror: "m0", requestId: "r", isCounted: true, gate });
    expect(gate?.state().inFlight).toBe(0);
    registry.retire(noneNamed);
    expect(registry.gates.map(({ candidate }) => candidate)).toEqual(["default/c"]);
  });

  test("and comes back before it is removed keeps its counts", () => {
    const { registry, change } = registryOf({ name: "m0" });
    mirror(registry, 5, false);
    change();
    change({ name: "m0" });
    registry.retire(noneNamed);
    expect(registry.gates.map((each) => each.state().eligible)).toEqual([5]);
  });

  test("leaves nothing behind: 1,000 mirrors come and go", () => {
    const { registry, change } = registryOf();
    for (let i = 0; i < 1_000; i++) {
      change({ name: `m${i}`, pool: `default/p${i}`, policy: `default/p${i}` });
      registry.of(`m${i}`);
      registry.retire(noneNamed);
    }
    change();
    registry.retire(noneNamed);
    expect(registry.gates).toEqual([]);
    expect(registry.of("m999,m0")).toEqual([]);
    expect([registry.isRetiring, registry.judged.size, registry.get("m999")]).toEqual([
      ...[false, 0, undefined],
    ]);
  });
});

describe("after any changes", () => {
  const mirrors = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom("m0", "m1", "m2", "m3"),
      route: fc.constantFrom("r", "s"),
      pool: fc.constantFrom("default/b", "default/c"),
      policy: fc.constantFrom("default/p", "default/q", null),
      perMillion: fc.constantFrom(0, 100_000, 1_000_000),
      role: fc.constantFrom("candidate" as const, "control" as const),
    }),
    { selector: ({ name }) => name, maxLength: 4 },
  );

  /** What a registry does, without what it counted. */
  function shown(registry: MirrorRegistry) {
    const nameOf = (gate: { readonly mirror: { readonly name: string } } | undefined) => {
      const [first] = ["m0", "m1", "m2", "m3"].filter((name) => registry.gateOf(name) === gate);
      return gate === undefined ? undefined : first;
    };
    return {
      mirrors: ["m0", "m1", "m2", "m3"].map((name) => {
        const gated = registry.of(name)[0];
        return (
          gated && { ...gated, gate: { shared: nameOf(gated.gate), state: gated.gate.state() } }
        );
      }),
      gates: registry.gates.map(nameOf).toSorted(),
      judged: [...registry.judged].map(([key, gate]) => [key, nameOf(gate)]).toSorted(),
    };
  }

  test("the registry equals a new one for the last topology, except for what it kept", () => {
    fc.assert(
      fc.property(fc.array(mirrors, { minLength: 1, maxLength: 6 }), (steps) => {
        const { registry, change } = registryOf();
        for (const step of steps) {
          change(...step);
          registry.retire(noneNamed);
        }
        expect(shown(registry)).toEqual(shown(registryOf(...(steps.at(-1) ?? [])).registry));
      }),
      { numRuns: propertyRuns(50, 500) },
    );
  });
});
