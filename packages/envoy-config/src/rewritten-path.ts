import type { Route } from "./topology.ts";

/** Converts a client's path to the path that a model server gets. Both are without the query. */
export type PathRewriter = (path: string) => string;

/**
 * Returns a function that rewrites paths like a route's URLRewrite, with the same result as Envoy with
 * `bootstrap/path-rewrite.ts`. Undefined if the route does not rewrite paths.
 */
export function pathRewriterOf({ rewrite, match }: Route): PathRewriter | undefined {
  const path = rewrite?.path;
  if (path === undefined) return undefined;
  if (path.kind === "replaceFullPath") return () => path.value;
  const from = withoutLastSlash(match.path.value);
  const to = withoutLastSlash(path.value);
  return (original) => {
    const isOfRoute = original === from || original.startsWith(`${from}/`);
    if (!isOfRoute) return original;
    const rest = original.slice(from.length);
    if (to === "") return from === "" ? original : `/${rest.replace(/^\/+/, "")}`;
    return `${to}${rest}`;
  };
}

/** Removes a trailing slash, as in Envoy's segment prefixes; empty for the root. */
export function withoutLastSlash(path: string): string {
  return path.replace(/\/+$/, "");
}
