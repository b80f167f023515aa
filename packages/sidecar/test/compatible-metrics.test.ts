import { expect, test } from "@jest/globals";
import { addDerivedMetrics, compatibleMetrics } from "../src/metrics/compatible.ts";
import { createExposition, type Series } from "../src/metrics/exposition.ts";

function rowsOf(metrics: ReturnType<typeof createExposition>, name: string): readonly Series[] {
  return [...(metrics.families.find((family) => family.name === name)?.read() ?? [])];
}

test("a derived compatible metric omits rows and sums rows with the same labels", () => {
  const metrics = createExposition();
  metrics.gauge(
    {
      name: "umbra_things",
      help: "Things.",
      labels: ["pool", "state"],
      compatible: {
        name: "ready_things",
        labels: ["name"],
        row: ([pool, state]) => (state === "gone" ? undefined : [pool]),
      },
    },
    () => [
      [["a", "ready"], 1],
      [["a", "stale"], 2],
      [["a", "gone"], 4],
      [["b", "ready"], 8],
    ],
  );
  addDerivedMetrics(metrics);
  expect(rowsOf(metrics, "llm_d_epp_ready_things")).toEqual([
    [["a"], 3],
    [["b"], 8],
  ]);
  expect(metrics.families.at(-1)).toMatchObject({
    type: "gauge",
    help: "Same as umbra_things.",
    labels: ["name"],
    twinOf: "umbra_things",
  });
});

test("a compatible histogram has the same buckets unless declared otherwise", () => {
  const metrics = createExposition();
  const declare = (name: string, bounds: { readonly bounds?: readonly number[] }) =>
    metrics.histogram({ name, help: "Time.", bounds: [1, 2], compatible: { name, ...bounds } });
  declare("umbra_same", {});
  declare("umbra_other", { bounds: [3] });
  const { distributions } = compatibleMetrics(metrics);
  expect(distributions("umbra_same").at().bounds).toEqual([1, 2]);
  expect(distributions("umbra_other").at().bounds).toEqual([3]);
});

test("a metric without a compatible name has none", () => {
  const metrics = createExposition();
  metrics.counter({ name: "umbra_own_total", help: "Own." });
  expect(() => compatibleMetrics(metrics).counts("umbra_own_total")).toThrow(
    "umbra_own_total is declared without a compatible name",
  );
});
