import { compare } from "../compare.ts";
import { resourceName } from "../resource-ref.ts";
import type { Route, RouteMatch } from "../topology.ts";

/** A route with the data that decides ties between routes of different HTTPRoutes. */
export interface RankedRoute {
  readonly route: Route;
  readonly createdAt: string;
  /** Index of the rule and match in the file. */
  readonly order: number;
  /** True: a redirect keeps the listener's port. */
  readonly keepsPort: boolean;
}

/**
 * Sorts the routes of a virtual host as the Gateway API requires: exact paths, then longer prefixes, then a method,
 * then more headers, then more query parameters. Ties are decided by age, then by name, then by order in the file. The
 * API leaves the position of regular expressions open; here they come between exact paths and prefixes.
 */
export function byPrecedence(a: RankedRoute, b: RankedRoute): number {
  return (
    byMatch(a.route.match, b.route.match) ||
    compareAge(a.createdAt, b.createdAt) ||
    compare(resourceName(a.route.origin.route), resourceName(b.route.origin.route)) ||
    a.order - b.order
  );
}

/** The part of the precedence that depends on the matches alone; 0 for a tie. */
export function byMatch(left: RouteMatch, right: RouteMatch): number {
  return (
    pathRank[left.path.kind] - pathRank[right.path.kind] ||
    right.path.value.length - left.path.value.length ||
    Number(right.method !== undefined) - Number(left.method !== undefined) ||
    right.headers.length - left.headers.length ||
    right.queryParams.length - left.queryParams.length
  );
}

const pathRank = { exact: 0, regex: 1, prefix: 2 } as const;

/** Compares RFC 3339 timestamps in any time zone. A missing or invalid timestamp is the youngest. */
export function compareAge(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [Date.parse(a), Date.parse(b)];
  if (Number.isNaN(left) || Number.isNaN(right)) {
    return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
  }
  return left - right;
}
