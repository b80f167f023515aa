import { type PathRewriter, pathRewriterOf, routesOf, type Topology } from "@umbra/envoy-config";

/** Path rewrites of routes, by `Route.name`. Routes without a rewrite have no entry. */
export type BackendPaths = ReadonlyMap<string, PathRewriter>;

/** Envoy rewrites a path after its filters: a pick sees the client's path and computes the endpoint's. */
export function backendPaths(topology: Topology): BackendPaths {
  const rewriters = new Map<string, PathRewriter>();
  for (const route of routesOf(topology)) {
    const rewriter = pathRewriterOf(route);
    if (rewriter !== undefined) rewriters.set(route.name, rewriter);
  }
  return rewriters;
}
