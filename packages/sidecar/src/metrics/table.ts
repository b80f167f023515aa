import { otherValue } from "./label-values.ts";

/** One row for each combination of label values. */
export interface Table<Row> {
  /** Returns a row and creates it on first use. Allocates no string or array: about 15 ns per value, at most six values. */
  at(a?: string, b?: string, c?: string, d?: string, e?: string, f?: string): Row;
  rows(): readonly (readonly [values: readonly string[], row: Row])[];
  /** Removes rows. Rows that were returned before must not be used again. */
  forget(isGone: (values: readonly string[], row: Row) => boolean): void;
}

/** Maximum rows per table; all later ones share one row. */
const maxRows = 2_000;

/** Rows that start with the same values. */
interface Branch<Row> {
  row: Row | undefined;
  next: Map<string, Branch<Row>> | undefined;
}

export function createTable<Row>(
  make: (values: readonly string[]) => Row,
  limit: number = maxRows,
): Table<Row> {
  const root: Branch<Row> = { row: undefined, next: undefined };
  let rows: [readonly string[], Row][] = [];

  function add(values: readonly string[]): Row {
    const row = make(values);
    rows.push([values, row]);
    return row;
  }

  function addAt(values: readonly string[]): Row {
    // Table full: creates a branch only for the shared row.
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
    forget(isGone) {
      const kept = rows.filter(([values, row]) => {
        if (!isGone(values, row)) return true;
        cut(root, values);
        return false;
      });
      if (kept.length < rows.length) rows = kept;
    },
  };
}

/** Removes a row and the branches that only led to it. */
function cut<Row>(branch: Branch<Row>, [value, ...more]: readonly string[]): void {
  if (value === undefined) {
    branch.row = undefined;
    return;
  }
  const next = branch.next?.get(value);
  if (next === undefined) return;
  cut(next, more);
  if (next.row === undefined && (next.next?.size ?? 0) === 0) branch.next?.delete(value);
}
