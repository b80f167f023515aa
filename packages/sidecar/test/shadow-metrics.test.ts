import { expect, test } from "@jest/globals";
import type { Leg, LostTwin } from "@umbra/shadow";
import { createShadowMetrics } from "../src/evaluation/shadow-metrics.ts";
import { createExposition } from "../src/metrics/exposition.ts";
import type { MirrorGate } from "../src/mirror/mirror-gate.ts";

test("a twin that was never sent, or not measured, is not counted as lost", () => {
  const metrics = createExposition();
  const gate = { candidate: "default/b" } as MirrorGate;
  const mirrors = { gates: [gate], has: () => true };
  const shadow = createShadowMetrics({ metrics, mirrors, latest: () => [] });
  const twins: readonly LostTwin[] = ["unanswered", "unsent", "unsent", "unmeasured"];
  for (const twin of twins) shadow.lost?.({} as Leg, "mirror", twin, { gateOf: () => gate });
  const pairs = metrics.families.find(({ name }) => name === "umbra_shadow_pairs_total");
  expect([...(pairs?.read() ?? [])]).toEqual([
    [["default/b", "lost"], 1],
    [["default/b", "unsent"], 2],
    [["default/b", "unmeasured"], 1],
  ]);
});
