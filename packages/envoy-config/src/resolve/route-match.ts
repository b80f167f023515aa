import type { RouteMatch, ValueMatch } from "../topology.ts";

const keys = new WeakMap<RouteMatch, string>();

/** Returns the same key for matches that match the same requests. */
export function matchKey(match: RouteMatch): string {
  const known = keys.get(match);
  if (known !== undefined) return known;
  const key = keyOf(match);
  keys.set(match, key);
  return key;
}

function keyOf({ path, method, headers, queryParams }: RouteMatch): string {
  const sorted = (values: readonly ValueMatch[]) =>
    values.map(({ name, kind, value }) => JSON.stringify([name, kind, value])).toSorted();
  // A prefix matches whole segments, with or without a trailing slash.
  const value = path.kind === "prefix" ? path.value.replace(/(?<=.)\/$/, "") : path.value;
  return JSON.stringify([path.kind, value, method, sorted(headers), sorted(queryParams)]);
}

const everyPath: ReadonlySet<string> = new Set([
  ".*",
  "/.*",
  "^/.*$",
  "^.*$",
  "^/.*",
  ".+",
  "/.*$",
]);

/** True if the match matches every request. */
export function takesEverything({ path, method, headers, queryParams }: RouteMatch): boolean {
  return (
    (path.kind === "prefix"
      ? path.value === "/"
      : path.kind === "regex" && everyPath.has(path.value)) &&
    method === undefined &&
    headers.length === 0 &&
    queryParams.length === 0
  );
}
