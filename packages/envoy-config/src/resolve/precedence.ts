import { compare } from "../compare.ts";
import { resourceName } from "../resource-ref.ts";
import type { Route } from "../topology.ts";

/** A route with what decides ties between routes of several HTTPRoutes. */
export interface RankedRoute {
  readonly route: Route;
  readonly createdAt: string;
  /** Rule and match, in the order of the file. */
  readonly order: number;
  /** A redirect goes to the port of the listener that it came in by. */
  readonly keepsPort: boolean;
}

/**
 * Orders routes of one virtual host as the Gateway API says: exact paths, then longer prefixes, then a method, then
 * more headers, then more query parameters; ties by age, then by name, then as written. A regular expression, whose
 * place is the implementation's to choose, comes between exact paths and prefixes.
 */
export function byPrecedence(a: RankedRoute, b: RankedRoute): number {
  const [left, right] = [a.route.match, b.route.match];
  return (
    pathRank[left.path.kind] - pathRank[right.path.kind] ||
    right.path.value.length - left.path.value.length ||
    Number(right.method !== undefined) - Number(left.method !== undefined) ||
    right.headers.length - left.headers.length ||
    right.queryParams.length - left.queryParams.length ||
    compareAge(a.createdAt, b.createdAt) ||
    compare(resourceName(a.route.origin.route), resourceName(b.route.origin.route)) ||
    a.order - b.order
  );
}

const pathRank = { exact: 0, regex: 1, prefix: 2 } as const;

/** By RFC 3339 timestamps, in whatever zone; what has none, or none that can be read, is the youngest. */
function compareAge(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [Date.parse(a), Date.parse(b)];
  if (Number.isNaN(left) || Number.isNaN(right)) {
    return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
  }
  return left - right;
}
