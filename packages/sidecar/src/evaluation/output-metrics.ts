import type { SampleComparison, SampleOutput } from "@umbra/shadow";
import type { Exposition } from "../metrics/exposition.ts";
import type { Table } from "../metrics/table.ts";

/** Metrics of what compared answers say. All labels are from closed lists. */
export interface OutputMetrics {
  /** Counts a pair of answers that are both ok. `found` is undefined if they are not to be compared. */
  compared(candidate: string, found: SampleComparison | undefined): void;
  /** The first label of each is the shadow pool. */
  readonly tables: readonly Pick<Table<unknown>, "forget">[];
}

export function createOutputMetrics(metrics: Exposition): OutputMetrics {
  const pairs = metrics.counter({
    name: "umbra_shadow_output_pairs_total",
    help: "Pairs of successful answers by result of the comparison: compared, no_similarity (compared without similarity, to save time), or why they were not compared.",
    labels: ["candidate", "kind"],
  });
  const flags = metrics.counter({
    name: "umbra_shadow_output_flag_total",
    help: "Compared answers with a flag: refusal, loop, json_bad, schema_bad, tool_bad, script_bad (another writing system than the user's) or cut.",
    labels: ["candidate", "leg", "flag"],
  });
  const similarity = metrics.histogram({
    name: "umbra_shadow_output_similarity",
    help: "Similarity of the shadow's answer to the primary's, 0 to 1: chrF, or in mode sketch an estimate of the shared runs of characters (Jaccard).",
    labels: ["candidate"],
    bounds: Array.from({ length: 20 }, (_, i) => (i + 1) / 20),
  });

  function answer(candidate: string, leg: "primary" | "shadow", found: readonly Flag[]): void {
    for (const flag of found) flags.at(candidate, leg, flag).value++;
  }

  return {
    compared(candidate, found) {
      if (found === undefined) return;
      const { why, sim } = found.agreement;
      pairs.at(candidate, why ?? (sim === null ? "no_similarity" : "compared")).value++;
      if (sim !== null) similarity.at(candidate).observe(sim);
      answer(candidate, "primary", flagsOf(found.primary, found));
      answer(candidate, "shadow", flagsOf(found.shadow, found));
    },
    tables: [pairs, flags, similarity],
  };
}

type Flag = "refusal" | "loop" | "json_bad" | "schema_bad" | "tool_bad" | "script_bad" | "cut";

function flagsOf(out: SampleOutput | undefined, { request }: SampleComparison): readonly Flag[] {
  if (out === undefined) return [];
  const asked = request?.script ?? null;
  const isOther = asked !== null && out.script !== null && out.script !== asked;
  const found: readonly (readonly [Flag, boolean])[] = [
    ["refusal", out.refusal === 1],
    ["loop", out.loop === 1],
    ["json_bad", out.json === "invalid"],
    ["schema_bad", out.schema === "broken"],
    ["tool_bad", out.toolBad === 1],
    ["script_bad", isOther],
    ["cut", out.cut],
  ];
  return found.flatMap(([flag, isSet]) => (isSet ? [flag] : []));
}
