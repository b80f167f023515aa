import { describe, expect, test } from "@jest/globals";
import { laneEvents } from "../src/judge/lane-events.ts";
import { describeOverTime } from "../src/judge/over-time.ts";
import { TableBuilder } from "../src/judge/table.ts";
import { leg, sample } from "./fixtures.ts";

const start = Date.UTC(2026, 0, 1);

function tableOf(
  count: number,
  everyMs: number,
  shadow: (index: number) => ReturnType<typeof leg>,
) {
  const table = new TableBuilder();
  for (let i = 0; i < count; i++) {
    table.add(sample(i * everyMs, { id: `r${i}` }), leg(), shadow(i));
  }
  return table.build(0);
}

describe("both lanes over time", () => {
  test("has medians, errors and requests in flight of each step", () => {
    const bad = leg({ class: "server_error", ttft: null, tpot: null, e2e: null });
    const table = tableOf(100, 200, (i) => (i % 10 === 0 ? bad : leg({ ttft: 300, e2e: 1_000 })));
    const { step_s, points } = describeOverTime(table, start - 5_000);
    expect([step_s, points.map(({ t, pairs }) => [t, pairs])]).toEqual([
      10,
      [
        [5, 50],
        [15, 50],
      ],
    ]);
    expect(points[1]).toMatchObject({
      ttft_ms: { primary: 100, shadow: 300 },
      tpot_ms: { primary: 20, shadow: 20 },
      whole_ms: { primary: null, shadow: null },
      errors: { primary: 0, shadow: 0.1 },
      in_flight: { primary: 2.5, shadow: expect.closeTo(4.5, 1) },
    });
  });

  test("has at most 61 steps of a day, and none of nothing", () => {
    const table = tableOf(2_000, 43_200, () => leg());
    expect(describeOverTime(table, start).points.length).toBeLessThanOrEqual(61);
    expect(describeOverTime(new TableBuilder().build(0), start)).toEqual({
      ...{ step_s: 10, points: [], events: [] },
    });
  });
});

describe("events of a lane's endpoints", () => {
  const [a, b, c] = ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"];
  const atMs = Float64Array.from({ length: 900 }, (_, i) => i * 1_000);
  const of = (pick: (index: number) => string) =>
    laneEvents(
      "shadow",
      Array.from(atMs, (_, i) => pick(i)),
      atMs,
      0,
    ).map(({ t, until_t, kind, endpoint }) => [kind, endpoint, t, until_t]);
  const turn = (i: number, ...names: readonly string[]) => names[i % names.length] ?? "";

  test.each([
    { name: "steady", pick: (i: number) => turn(i, a, b), want: [] },
    {
      name: "scaled up",
      pick: (i: number) => (i < 300 ? turn(i, a, b) : turn(i, a, b, c)),
      want: [["joined", c, 302, null]],
    },
    {
      name: "scaled down",
      pick: (i: number) => (i < 600 ? turn(i, a, b, c) : turn(i, a, b)),
      want: [["left", c, 599, null]],
    },
    {
      name: "restarted",
      pick: (i: number) => (i >= 400 && i < 500 ? a : turn(i, a, b)),
      want: [["silent", b, 399, 501]],
    },
    { name: "of no known endpoint", pick: () => "", want: [] },
    { name: "seldom used", pick: (i: number) => (i % 100 === 99 ? c : a), want: [] },
  ])("$name: $want", ({ pick, want }) => {
    expect(of(pick)).toEqual(want);
  });

  test("are bounded in number", () => {
    const names = Array.from({ length: 30 }, (_, i) => `10.0.1.${i}:8000`);
    expect(of((i) => names[Math.floor(i / 30)] ?? "").length).toBe(12);
  });
});
