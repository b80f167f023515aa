import type { Route } from "./topology.ts";

/** The path that a model server gets of the one that a client sent; both without the query. */
export type PathRewriter = (path: string) => string;

/**
 * What a route's URLRewrite makes of a path, as Envoy does it with what `bootstrap/path-rewrite.ts` renders. Undefined of a
 * route that leaves paths as they are.
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

/** A prefix as Envoy's matches of whole segments have it; empty for the root. */
export function withoutLastSlash(path: string): string {
  return path.replace(/\/+$/, "");
}
