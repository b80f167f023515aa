import { collectDefaultMetrics, type Metric, Registry } from "prom-client";
import type { CompatibleName } from "./compatible-name.ts";
import { createDistribution, type Distribution } from "./distribution.ts";
import { createTable, type Table } from "./table.ts";

/** Name and description of a metric. */
export interface MetricName {
  readonly name: string;
  /** Ends with a full stop. `docs/metrics.md` shows it as the meaning. */
  readonly help: string;
  /** None when absent. */
  readonly labels?: readonly string[];
  /** Absent if the reference endpoint picker has no such metric. */
  readonly compatible?: CompatibleName;
}

/** A metric whose values are read at each scrape. */
export interface MetricFamily extends MetricName {
  readonly type: "counter" | "gauge" | "histogram";
  /** Bounds of a histogram. */
  readonly bounds?: readonly number[];
  /** For a compatible metric: Umbra's own metric with the same meaning. */
  readonly twinOf?: string;
  readonly read: () => Iterable<Series>;
}

/** Label values in the order of the family's labels, with their value. */
export type Series = readonly [values: readonly string[], value: number | Distribution];

export interface Count {
  value: number;
}

/** All metrics of the process. The only file that uses prom-client. */
export interface Exposition {
  readonly families: readonly MetricFamily[];
  add(family: MetricFamily): void;
  /** Adds a gauge that is read at each scrape. */
  gauge(name: MetricName, read: () => Iterable<Series>): void;
  /** Adds a counter. Rows are stored by label values, and looked up without prom-client. */
  counter(name: MetricName): Table<Count>;
  /** Like `counter`, for a value that can also decrease. */
  level(name: MetricName): Table<Count>;
  histogram(name: MetricName & { readonly bounds: readonly number[] }): Table<Distribution>;
  /** Includes a table in `forget`, for rows that are composed of other tables' rows. Returns the table. */
  include<Row>(labels: readonly string[], table: Table<Row>): Table<Row>;
  /** Removes rows. `goneOf` returns a test of label values for a list of labels; undefined: it removes none. */
  forget(
    goneOf: (labels: readonly string[]) => ((values: readonly string[]) => boolean) | undefined,
  ): void;
  text(): Promise<string>;
  readonly contentType: string;
}

export function createExposition(): Exposition {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const families: MetricFamily[] = [];
  const tables: { readonly labels: readonly string[]; readonly table: Table<unknown> }[] = [];

  function include<Row>(labels: readonly string[], table: Table<Row>): Table<Row> {
    tables.push({ labels, table });
    return table;
  }

  function add(family: MetricFamily): void {
    families.push(family);
    const { name, help, type } = family;
    const metric = {
      name,
      help,
      type,
      aggregator: "sum",
      get: async () => ({ name, help, type, values: valuesOf(family) }),
    };
    // prom-client accepts any object with `get`, but its types require its own classes.
    registry.registerMetric(metric as unknown as Metric);
  }

  function counted(name: MetricName, type: "counter" | "gauge"): Table<Count> {
    const table = include(
      name.labels ?? [],
      createTable<Count>(() => ({ value: 0 })),
    );
    add({ ...name, type, read: () => countsOf(table) });
    return table;
  }

  return {
    families,
    add,
    gauge(name, read) {
      add({ ...name, type: "gauge", read });
    },
    counter: (name) => counted(name, "counter"),
    level: (name) => counted(name, "gauge"),
    histogram(name) {
      const made = createTable(() => createDistribution(name.bounds));
      const table = include(name.labels ?? [], made);
      add({ ...name, type: "histogram", read: table.rows });
      return table;
    },
    include,
    forget(goneOf) {
      for (const { labels, table } of tables) {
        const isGone = goneOf(labels);
        if (isGone !== undefined) table.forget(isGone);
      }
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

export function* countsOf(table: Table<Count>): Iterable<Series> {
  for (const [values, { value }] of table.rows()) yield [values, value];
}

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

function valuesOf({ name, labels = [], read }: MetricFamily): readonly Sample[] {
  const samples: Sample[] = [];
  for (const [values, value] of read()) {
    const of = Object.fromEntries(labels.map((label, i) => [label, values[i] ?? ""]));
    if (typeof value === "number") samples.push({ labels: of, value });
    else samples.push(...bucketsOf(name, of, value));
  }
  return samples;
}

function bucketsOf(
  name: string,
  labels: Readonly<Record<string, string>>,
  { bounds, counts, sum }: Distribution,
): readonly Sample[] {
  let total = 0;
  const metricName = `${name}_bucket`;
  const buckets = [...bounds, "+Inf"].map((le, i): Sample => {
    total += counts[i] as number;
    return { metricName, labels: { ...labels, le }, value: total };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}
