import { createDistribution, type Distribution } from "./distribution.ts";
import { type Count, countsOf, type Exposition, type Series } from "./exposition.ts";
import { createTable, type Table } from "./table.ts";

/** Labels of a request in the reference. */
export const requestLabels: readonly string[] = [
  "model_name",
  "target_model_name",
  "fairness_id",
  "priority",
];

/** The reference's names of its prefix index, by plugin. */
export const prefixPlugin: string = "approx-prefix-cache-producer";

export const ofMeasuredAnswers = "only for measured answers";

/** Adds the compatible metrics, which Umbra's own metrics declare. Each is identified by the name of Umbra's own metric. */
export interface CompatibleMetrics {
  counts(own: string): Table<Count>;
  distributions(own: string): Table<Distribution>;
  /** Adds a metric that is read at each scrape. */
  read(own: string, read: () => Iterable<Series>): void;
}

export function compatibleMetrics(metrics: Exposition): CompatibleMetrics {
  function read(own: string, values: () => Iterable<Series>): void {
    const { type, compatible } = familyOf(metrics, own);
    const { name, labels = [], note } = compatible;
    const help = `Same as ${own}${note === undefined ? "" : `; ${note}`}.`;
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

/** Adds the compatible metrics that are derived from the rows of Umbra's own metrics. */
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
