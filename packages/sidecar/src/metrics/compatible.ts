import { createDistribution, type Distribution } from "./distribution.ts";
import { type Count, countsOf, type Exposition, type Series } from "./exposition.ts";
import { createTable, type Table } from "./table.ts";

/** A request, as the reference labels it. */
export const requestLabels: readonly string[] = [
  "model_name",
  "target_model_name",
  "fairness_id",
  "priority",
];

/** What the reference calls its prefix index, by plugin. */
export const prefixPlugin: string = "approx-prefix-cache-producer";

export const ofMeasuredAnswers = "of measured answers alone";

/** Adds the compatible names of our own metrics, which say all that they are: each by the name of our own. */
export interface CompatibleMetrics {
  counts(own: string): Table<Count>;
  distributions(own: string): Table<Distribution>;
  /** Adds what is read when it is asked for. */
  read(own: string, read: () => Iterable<Series>): void;
}

export function compatibleMetrics(metrics: Exposition): CompatibleMetrics {
  function read(own: string, values: () => Iterable<Series>): void {
    const { type, compatible } = familyOf(metrics, own);
    const { name, labels = [], note } = compatible;
    const help = `As ${own}${note === undefined ? "" : `; ${note}`}.`;
    metrics.add({ name: `llm_d_epp_${name}`, help, labels, type, twinOf: own, read: values });
  }
  return {
    counts(own) {
      const table = createTable<Count>(() => ({ value: 0 }));
      read(own, () => countsOf(table));
      return table;
    },
    distributions(own) {
      const { bounds = [], compatible } = familyOf(metrics, own);
      const table = createTable(() => createDistribution(compatible.bounds ?? bounds));
      read(own, table.rows);
      return table;
    },
    read,
  };
}

/** Adds those that are made from the rows of our own metrics. */
export function addDerivedMetrics(metrics: Exposition): void {
  const { read } = compatibleMetrics(metrics);
  for (const { name, read: own, compatible } of [...metrics.families]) {
    const row = compatible?.row;
    if (row === undefined) continue;
    read(name, () => {
      const sums = createTable<Count>(() => ({ value: 0 }), Number.POSITIVE_INFINITY);
      for (const [values, value] of own()) {
        const labels = row(values);
        if (labels !== undefined && typeof value === "number") sums.at(...labels).value += value;
      }
      return countsOf(sums);
    });
  }
}

function familyOf({ families }: Exposition, own: string) {
  const family = families.find(({ name }) => name === own);
  const { compatible } = family ?? {};
  if (family === undefined || compatible === undefined) {
    throw new Error(`${own} is declared without a compatible name`);
  }
  return { ...family, compatible };
}
