import type { SegmentBy } from "../report/segment.ts";

/** Fewest pairs for a segment to be shown. */
export const minShown = 30;
const maxSegments = 40;
/** The most frequent names of one kind; pairs with another name are in no segment of that kind. */
const maxBuckets = 10;

/** A kind of request and its pairs. */
export interface Bucket {
  readonly by: SegmentBy;
  readonly name: string;
  readonly indices: readonly number[];
}

/** Pairs by index, and how requests are called under each grouping; undefined or empty if that is unknown. */
export interface Grouping {
  readonly size: number;
  readonly counts: (index: number) => boolean;
  readonly names: Readonly<Partial<Record<SegmentBy, (index: number) => string | undefined>>>;
}

/** Kinds of requests that include some but not all pairs; the largest ones if there are too many. */
export function bucketsOf(grouping: Grouping): readonly Bucket[] {
  const found = Object.entries(grouping.names).flatMap(([by, nameOf]) =>
    split(grouping, by as SegmentBy, nameOf),
  );
  if (found.length <= maxSegments) return found;
  const kept = new Set(
    found.toSorted((a, b) => b.indices.length - a.indices.length).slice(0, maxSegments),
  );
  return found.filter((bucket) => kept.has(bucket));
}

/** Those of `more` that fit next to the others: the same kinds, and the largest new ones up to the limit. */
export function bucketsNextTo(
  others: readonly Bucket[],
  more: readonly Bucket[],
): readonly Bucket[] {
  const nameOf = ({ by, name }: Bucket) => `${by}=${name}`;
  const known = new Set(others.map(nameOf));
  const fresh = more
    .filter((bucket) => !known.has(nameOf(bucket)))
    .toSorted((a, b) => b.indices.length - a.indices.length)
    .slice(0, Math.max(0, maxSegments - known.size));
  return more.filter((bucket) => known.has(nameOf(bucket)) || fresh.includes(bucket));
}

function split(
  { size, counts }: Grouping,
  by: SegmentBy,
  nameOf: (index: number) => string | undefined,
): readonly Bucket[] {
  const groups = new Map<string, number[]>();
  for (let i = 0; i < size; i++) {
    if (!counts(i)) continue;
    const name = nameOf(i);
    if (name === undefined || name === "") continue;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [i]);
    else group.push(i);
  }
  const buckets = [...groups]
    .map(([name, indices]): Bucket => ({ by, name, indices }))
    .filter(({ indices }) => indices.length >= minShown)
    .toSorted((a, b) => b.indices.length - a.indices.length || (a.name < b.name ? -1 : 1))
    .slice(0, maxBuckets);
  // With a single kind, the gates already cover it.
  if (groups.size < 2) return [];
  return by.startsWith("prompt") ? buckets.toSorted((a, b) => sizeOf(a) - sizeOf(b)) : buckets;
}

const sizeNames = [
  [256, "0-256"],
  [1_024, "256-1k"],
  [4_096, "1k-4k"],
  [16_384, "4k-16k"],
  [65_536, "16k-64k"],
  [Number.POSITIVE_INFINITY, "64k+"],
] as const;

/** Name of a prompt's size, in tokens or bytes; undefined if it is unknown. */
export function sizeName(size: number | undefined): string | undefined {
  return sizeNames.find(([end]) => (size ?? Number.NaN) < end)?.[1];
}

function sizeOf({ name }: Bucket): number {
  return sizeNames.findIndex(([, each]) => each === name);
}
