import type { RouteMatch, ValueMatch } from "../topology.ts";

/** The same for matches that the same requests meet. */
export function matchKey({ path, method, headers, queryParams }: RouteMatch): string {
  const sorted = (values: readonly ValueMatch[]) =>
    values.map(({ name, kind, value }) => JSON.stringify([name, kind, value])).toSorted();
  // A prefix stands for whole segments, with or without its last slash.
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

/** Whether every request meets the match. */
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
