import { otherValue } from "./label-values.ts";

/** One row for each combination of label values. */
export interface Table<Row> {
  /** Makes the row when it is asked for first. Makes no string and no array: some 15 ns for each value, six at most. */
  at(a?: string, b?: string, c?: string, d?: string, e?: string, f?: string): Row;
  rows(): readonly (readonly [values: readonly string[], row: Row])[];
}

/** Rows of one table at most; all that comes later shares one. */
const maxRows = 2_000;

/** What begins with the same values. */
interface Branch<Row> {
  row: Row | undefined;
  next: Map<string, Branch<Row>> | undefined;
}

export function createTable<Row>(
  make: (values: readonly string[]) => Row,
  limit: number = maxRows,
): Table<Row> {
  const root: Branch<Row> = { row: undefined, next: undefined };
  const rows: [readonly string[], Row][] = [];

  function add(values: readonly string[]): Row {
    const row = make(values);
    rows.push([values, row]);
    return row;
  }

  function addAt(values: readonly string[]): Row {
    // Full: no branch is made for a row that will not be, but for the one that they all share.
    if (rows.length >= limit && !values.every((value) => value === otherValue)) {
      return addAt(values.map(() => otherValue));
    }
    let branch = root;
    for (const value of values) {
      branch.next ??= new Map();
      let next = branch.next.get(value);
      if (next === undefined) {
        next = { row: undefined, next: undefined };
        branch.next.set(value, next);
      }
      branch = next;
    }
    branch.row ??= add(values);
    return branch.row;
  }

  return {
    at(a, b, c, d, e, f) {
      let branch: Branch<Row> | undefined = root;
      if (a !== undefined) branch = branch.next?.get(a);
      if (b !== undefined) branch = branch?.next?.get(b);
      if (c !== undefined) branch = branch?.next?.get(c);
      if (d !== undefined) branch = branch?.next?.get(d);
      if (e !== undefined) branch = branch?.next?.get(e);
      if (f !== undefined) branch = branch?.next?.get(f);
      return branch?.row ?? addAt([a, b, c, d, e, f].filter((value) => value !== undefined));
    },
    rows: () => rows,
  };
}
