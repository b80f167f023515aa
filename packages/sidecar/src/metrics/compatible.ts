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

function familyOf({ families }: Exposition, own: string) {
  const family = families.find(({ name }) => name === own);
  const { compatible } = family ?? {};
  if (family === undefined || compatible === undefined) {
    throw new Error(`${own} is declared without a compatible name`);
  }
  return { ...family, compatible };
}
