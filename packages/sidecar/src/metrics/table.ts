import { otherValue } from "./label-values.ts";

/** One row for each combination of label values. */
export interface Table<Row> {
  /** Makes the row when it is asked for first. Without strings made: some 15 ns for each value. */
  at(...values: readonly string[]): Row;
  rows(): readonly (readonly [values: readonly string[], row: Row])[];
}

/** Rows of one table at most; all that comes later shares one. */
const maxRows = 2_000;

type Level<Row> = Map<string, Level<Row> | { readonly row: Row }>;

export function createTable<Row>(
  make: (values: readonly string[]) => Row,
  limit: number = maxRows,
): Table<Row> {
  const top: Level<Row> = new Map();
  const rows: [readonly string[], Row][] = [];
  let overflow: Row | undefined;
  let single: Row | undefined;

  function add(values: readonly string[]): Row {
    const row = make(values);
    rows.push([values, row]);
    return row;
  }

  function addAt(level: Level<Row>, values: readonly string[]): Row {
    if (rows.length >= limit) {
      overflow ??= add(values.map(() => otherValue));
      return overflow;
    }
    const row = add([...values]);
    level.set(values.at(-1) as string, { row });
    return row;
  }

  return {
    at(...values) {
      if (values.length === 0) {
        single ??= add([]);
        return single;
      }
      let level = top;
      const last = values.length - 1;
      for (let i = 0; i < last; i++) {
        let next = level.get(values[i] as string) as Level<Row> | undefined;
        if (next === undefined) {
          // Full: no level is made for a row that will not be.
          if (rows.length >= limit) return addAt(level, values);
          next = new Map();
          level.set(values[i] as string, next);
        }
        level = next;
      }
      const found = level.get(values[last] as string) as { readonly row: Row } | undefined;
      return found === undefined ? addAt(level, values) : found.row;
    },
    rows: () => rows,
  };
}
