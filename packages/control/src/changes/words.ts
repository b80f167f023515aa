/** Names of the fields that differ, in the order of `after`. */
export function changedFields<T extends object>(
  before: T,
  after: T,
): readonly (keyof T & string)[] {
  const names = new Set([...Object.keys(after), ...Object.keys(before)]);
  return ([...names] as (keyof T & string)[]).filter(
    (name) =>
      before[name] !== after[name] && JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
}

/** `10 → 25`; long or structured values are not shown. */
export function fromTo(before: unknown, after: unknown): string {
  const [old, next] = [shown(before), shown(after)];
  return old === undefined || next === undefined ? "changed" : `${old} → ${next}`;
}

const maxShown = 60;

function shown(value: unknown): string | undefined {
  if (value === undefined) return "none";
  if (typeof value === "object") return undefined;
  const text = String(value);
  return text.length > maxShown ? undefined : text;
}

/** `1 endpoint`, `2 endpoints`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export interface NamedDifference<T> {
  readonly added: readonly T[];
  readonly removed: readonly T[];
  /** Those in both lists that are not the same object. */
  readonly kept: readonly (readonly [before: T, after: T])[];
}

/** Compares by a name that is unique in each of the lists. */
export function differenceOf<T>(
  before: readonly T[],
  after: readonly T[],
  nameOf: (each: T) => string,
): NamedDifference<T> {
  const old = new Map(before.map((each) => [nameOf(each), each]));
  const next = new Map(after.map((each) => [nameOf(each), each]));
  return {
    added: after.filter((each) => !old.has(nameOf(each))),
    removed: before.filter((each) => !next.has(nameOf(each))),
    kept: [...next].flatMap(([name, each]) => {
      const held = old.get(name);
      return held === undefined || held === each ? [] : [[held, each] as const];
    }),
  };
}
