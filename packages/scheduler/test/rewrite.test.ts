import { describe, expect, test } from "@jest/globals";
import { createModelRewriter, type RewriteRule, sessionKey } from "@umbra/scheduler";

describe("rewriting model names", () => {
  /** Answers of 1,000 draws, evenly spread. */
  function shares(rules: readonly RewriteRule[], model = "food"): Readonly<Record<string, number>> {
    let draw = 0;
    const rewrite = createModelRewriter(rules, () => (draw++ % 1_000) / 1_000);
    const counts: Record<string, number> = {};
    for (let i = 0; i < 1_000; i++) {
      const name = rewrite(model);
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }
  const rule = (targets: RewriteRule["targets"], more: Partial<RewriteRule> = {}): RewriteRule => ({
    model: "food",
    targets,
    ...more,
  });

  test.each<{
    name: string;
    rules: readonly RewriteRule[];
    want: Readonly<Record<string, number>>;
  }>([
    {
      name: "by weight",
      rules: [
        rule([
          { model: "v1", weight: 70 },
          { model: "v2", weight: 30 },
        ]),
      ],
      want: { v1: 700, v2: 300 },
    },
    {
      name: "evenly without weights",
      rules: [rule([{ model: "v1" }, { model: "v2" }])],
      want: { v1: 500, v2: 500 },
    },
    {
      name: "only to weighted ones where some have weights",
      rules: [rule([{ model: "v1", weight: 1 }, { model: "v2" }])],
      want: { v1: 1_000 },
    },
    {
      name: "never to a weight of 0",
      rules: [
        rule([
          { model: "v1", weight: 0 },
          { model: "v2", weight: 1 },
        ]),
      ],
      want: { v2: 1_000 },
    },
    {
      name: "by the first rule for the model",
      rules: [rule([{ model: "v1" }]), rule([{ model: "v2" }])],
      want: { v1: 1_000 },
    },
    {
      name: "by the model's own rule before the general one",
      rules: [{ targets: [{ model: "any" }] }, rule([{ model: "v1" }])],
      want: { v1: 1_000 },
    },
    {
      name: "by the general rule where there is no other",
      rules: [{ targets: [{ model: "any" }] }],
      want: { any: 1_000 },
    },
    {
      name: "to itself where no rule is for it",
      rules: [rule([{ model: "v1" }], { model: "drink" })],
      want: { food: 1_000 },
    },
  ])("goes $name", ({ rules, want }) => {
    expect(shares(rules)).toEqual(want);
  });

  test("a sticky rule gives a session one target, and sessions their shares", () => {
    const rewrite = createModelRewriter(
      [
        rule(
          [
            { model: "v1", weight: 70 },
            { model: "v2", weight: 30 },
          ],
          { isSticky: true },
        ),
      ],
      () => 0.99,
    );
    const first = Array.from({ length: 2_000 }, (_, i) => rewrite("food", `session ${i}`));
    expect(first).toEqual(Array.from({ length: 2_000 }, (_, i) => rewrite("food", `session ${i}`)));
    expect(first.filter((name) => name === "v1").length / 2_000).toBeCloseTo(0.7, 1);
    expect(rewrite("food")).toBe("v2");
  });

  test("a session does not matter to a rule that is not sticky", () => {
    const rewrite = createModelRewriter([rule([{ model: "v1" }, { model: "v2" }])], () => 0.99);
    expect(new Set(["a", "b", "c", "d"].map((session) => rewrite("food", session)))).toEqual(
      new Set(["v2"]),
    );
  });

  test("draws by Math.random where it is given nothing", () => {
    expect(["v1", "v2"]).toContain(
      createModelRewriter([rule([{ model: "v1" }, { model: "v2" }])])("food"),
    );
  });

  test("takes the last target where the draw is out of its range", () => {
    expect(createModelRewriter([rule([{ model: "v1" }])], () => 1)("food")).toBe("v1");
  });

  test.each([
    { targets: [], message: /no target of food/ },
    { targets: [{ model: "v1", weight: 0 }], message: /no target of food/ },
    { targets: [{ model: "v1", weight: -1 }], message: /v1 for food is -1/ },
    { targets: [{ model: "v1", weight: Number.NaN }], message: /v1 for food is NaN/ },
  ])("refuses $targets", ({ targets, message }) => {
    expect(() => createModelRewriter([rule(targets)])).toThrow(message);
  });

  test("names the general rule in its errors", () => {
    expect(() => createModelRewriter([{ targets: [] }])).toThrow("any model");
  });
});

describe("session keys", () => {
  const of = (headers: Readonly<Record<string, string>>, options = {}) =>
    sessionKey((name) => headers[name], options);
  test.each([
    [{ "x-session-id": "a" }, {}, "a"],
    [{ "x-session-token": "t", "session-id": "b" }, {}, "t"],
    [{ session_id: "c" }, {}, "c"],
    [{ "x-session-id": "", "session-id": "b" }, {}, "b"],
    [{ "x-session-id": "x".repeat(257) }, {}, undefined],
    [{ "x-user": "u" }, { headers: ["x-user"] }, "u"],
    [{}, {}, undefined],
    [{ cookie: "a=1; sid = 42 ; b=2" }, { cookie: "sid" }, "42"],
    [{ cookie: "nonsense; sid=" }, { cookie: "sid" }, undefined],
    [{ cookie: "other=1" }, { cookie: "sid" }, undefined],
    [{}, { cookie: "sid" }, undefined],
    [{ cookie: "sid=1" }, {}, undefined],
  ])("%j with %j: %s", (headers, options, want) => {
    expect(of(headers, options)).toBe(want);
  });

  test("takes the headers of a fetch request", () => {
    const headers = new Headers({ "x-session-id": "a" });
    expect(sessionKey((name) => headers.get(name))).toBe("a");
  });
});
