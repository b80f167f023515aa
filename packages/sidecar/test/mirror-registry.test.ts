import { describe, expect, test } from "@jest/globals";
import {
  defaultComparison,
  directTopology,
  type EvaluationPolicy,
  type Mirror,
  type Topology,
} from "@umbra/envoy-config";
import { isCensored, type Leg } from "@umbra/shadow";
import { legClasses } from "@umbra/shadow/internal";
import type { RequestView } from "@umbra/sidecar/internal";
import {
  type CountedTwin,
  createMirrorRegistry,
  type MirrorRegistry,
} from "../src/mirror/mirror-registry.ts";

const direct = directTopology({ primary: ["10.0.0.1:80"], shadow: ["10.0.0.2:80"], port: 8080 });

/** Mirrors of the direct topology with overrides. */
function registryOf(...mirrors: readonly Change[]) {
  const topology: Topology = {
    ...direct,
    mirrors: direct.mirrors.flatMap(({ policy, ...mirror }) =>
      mirrors.map(({ hasPolicy = true, ...more }, index) => ({
        ...{ ...mirror, name: `m${index}`, ...more },
        ...(hasPolicy && policy !== undefined ? { policy } : {}),
      })),
    ),
  };
  return createMirrorRegistry(topology, () => 0);
}

type Change = Partial<Omit<Mirror, "policy">> & { readonly hasPolicy?: boolean };

const plain: Change = { hasPolicy: false };
const other = { route: { namespace: "default", name: "other" }, rule: 0, filter: 0 };

describe("the mirrors of a stream", () => {
  test("are those in its metadata, with the header that makes Envoy mirror", () => {
    const origin = {
      route: { namespace: "default", name: "direct" },
      rule: 2,
      backend: 1,
      filter: 3,
    };
    expect(registryOf({}, { origin }).of("m1")).toMatchObject([
      { mirror: { name: "m1" }, header: { name: "x-umbra-to-1-3", value: "lane/m1" } },
    ]);
  });

  test("are ignored if an Envoy with other resources lists more", () => {
    const listed = registryOf({}).of("gone,m0");
    expect(listed.map(({ mirror }) => mirror.name)).toEqual(["m0"]);
  });

  test.each(["", "gone"])("are empty for %j", (names) => {
    expect(registryOf({}).of(names)).toEqual([]);
  });
});

describe("answers to a mirror's twins", () => {
  const evaluated = (comparison: EvaluationPolicy["comparison"]) => ({
    evaluation: {
      observeUnmirroredPercent: 10,
      ...(comparison === undefined ? {} : { comparison }),
    },
  });

  test("are compared, unless the policy states something else", () => {
    const [gated] = registryOf(evaluated(undefined)).of("m0");
    expect(gated?.comparison).toEqual({
      ...{ mode: "numbers", maxTextBytes: 65_536, maxHeldBytes: 67_108_864, stripsReasoning: true },
      ...{ hasSimilarity: true, checksSchemas: true, keepsLogprobs: true, refusalPhrases: [] },
    });
  });

  test("are sketched with mode `sketch`", () => {
    const [gated] = registryOf(evaluated({ ...defaultComparison, mode: "sketch" })).of("m0");
    expect(gated?.comparison).toMatchObject({ mode: "sketch", maxTextBytes: 65_536 });
  });

  test("are not looked at with mode `off`", () => {
    const [gated] = registryOf(evaluated({ ...defaultComparison, mode: "off" })).of("m0");
    expect(gated).toMatchObject({ isEvaluated: true, comparison: undefined });
  });
});

describe("a twin", () => {
  const view: RequestView = {
    requestId: "r",
    method: "POST",
    path: "/v1/chat/completions",
    clientPath: "/v1/chat/completions",
    model: "m",
    priority: "Standard",
    headers: new Map(),
    body: new Uint8Array(),
    fields: new Map(),
  };
  const leg: Leg = {
    requestId: "r",
    lane: "shadow",
    pool: "default/shadow",
    stream: true,
    status: 200,
    t0: 0,
    class: "ok",
    outChars: 0,
    outTokens: 5,
  };

  test.each<{ name: string; end: (registry: MirrorRegistry, twin: CountedTwin) => void }>([
    {
      name: "its leg ends",
      end: (registry, twin) => registry.legEnded?.(leg, "m0", { twins: [twin] }),
    },
    { name: "it ended without measurements", end: (registry, twin) => registry.finished(twin) },
    { name: "its request ended", end: (registry, twin) => registry.over?.({ twins: [twin] }) },
    {
      name: "it did not arrive",
      end: (registry, twin) => registry.twinLost?.("m0", { twins: [twin] }),
    },
  ])("is reported to its controller once: when $name", ({ end }) => {
    const registry = registryOf({});
    const [gated] = registry.of("m0");
    for (let i = 0; i < 2; i++) expect(gated?.gate.decide(view).kind).toBe("mirrored");
    const twin = { mirror: "m0", requestId: "r", isCounted: true };
    end(registry, twin);
    end(registry, twin);
    registry.over?.({ twins: [twin] });
    expect(gated?.gate.state().inFlight).toBe(1);
  });

  // A twin that Umbra or the client ended does not count for the shadow.
  test.each(legClasses)("that ends as %s opens the breaker if it is the shadow's error", (how) => {
    const registry = registryOf({});
    const [gated] = registry.of("m0");
    for (let i = 0; i < 60; i++) {
      gated?.gate.decide(view);
      const twins = [{ mirror: "m0", requestId: "r", isCounted: true }];
      registry.legEnded?.({ ...leg, class: how }, "m0", { twins });
    }
    const isError = how !== "ok" && !isCensored(how);
    expect(gated?.gate.state().breaker).toBe(isError ? "open" : "closed");
  });

  test("that its controller did not count is not reported", () => {
    const registry = registryOf({});
    const [gated] = registry.of("m0");
    gated?.gate.decide(view);
    registry.finished({ mirror: "m0", requestId: "r", isCounted: false });
    expect(gated?.gate.state().inFlight).toBe(1);
  });
});

describe("a mirror controller", () => {
  test.each([
    { name: "rules of one route, by one policy", second: { perMillion: 5 }, gates: 1 },
    { name: "rules of two routes", second: { origin: other }, gates: 2 },
    { name: "mirrors to two pools", second: { pool: "default/primary" }, gates: 2 },
    { name: "a mirror with a policy and one without", second: plain, gates: 2 },
  ])("is shared, or not: $name", ({ second, gates }) => {
    expect(registryOf({}, second).gates).toHaveLength(gates);
  });

  test("without a policy it is shared only for equal shares", () => {
    expect(registryOf(plain, plain).gates).toHaveLength(1);
    expect(registryOf(plain, { ...plain, perMillion: 5 }).gates).toHaveLength(2);
  });

  test("of two mirrors to one pool, the one with a policy is evaluated", () => {
    const registry = registryOf(plain, {});
    expect([registry.isEvaluated("m0"), registry.isEvaluated("m1")]).toEqual([false, true]);
    expect(registry.gates.map((gate) => gate.mirror.name)).toEqual(["m1", "m0"]);
  });
});
