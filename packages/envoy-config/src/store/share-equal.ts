/**
 * Returns `after`, in which every part that equals its part of `before` is that same object. Both are plain data. What
 * has not changed can then be found by identity, without looking into it. Items of a list are found by their `name`
 * where it has other items than before, else by their place.
 */
export function shareEqual<T>(before: unknown, after: T): T {
  if (Object.is(before, after)) return after;
  if (Array.isArray(before) && Array.isArray(after)) return shareItems(before, after) as T;
  if (isRecord(before) && isRecord(after)) return shareFields(before, after) as T;
  return after;
}

type PlainRecord = Readonly<Record<string, unknown>>;

function shareItems(before: readonly unknown[], after: readonly unknown[]): readonly unknown[] {
  let byName: ReadonlyMap<unknown, unknown> | undefined;
  const earlierOf = (item: unknown, at: number) => {
    const earlier = before[at];
    const name = nameOf(item);
    if (name === undefined || nameOf(earlier) === name) return earlier;
    byName ??= new Map(before.map((each) => [nameOf(each), each]));
    return byName.get(name);
  };
  const items = after.map((item, at) => shareEqual(earlierOf(item, at), item));
  const isSame = items.length === before.length && items.every((item, at) => item === before[at]);
  return isSame ? before : items;
}

function shareFields(before: PlainRecord, after: PlainRecord): PlainRecord {
  const names = Object.keys(after);
  let isSame = names.length === Object.keys(before).length;
  const fields = names.map((name) => {
    const value = shareEqual(before[name], after[name]);
    if (value !== before[name] || !Object.hasOwn(before, name)) isSame = false;
    return [name, value] as const;
  });
  return isSame ? before : Object.fromEntries(fields);
}

function nameOf(item: unknown): unknown {
  return isRecord(item) && typeof item.name === "string" ? item.name : undefined;
}

function isRecord(value: unknown): value is PlainRecord {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.getPrototypeOf(value) === Object.prototype;
}
