import { type PathRewriter, pathRewriterOf, routesOf, type Topology } from "@umbra/envoy-config";

/** What routes make of paths, by `Route.name`; a route that leaves them as they are has no entry. */
export type BackendPaths = ReadonlyMap<string, PathRewriter>;

/** Envoy rewrites a path behind its filters: a pick sees what the client sent, and works out what the endpoint gets. */
export function backendPaths(topology: Topology): BackendPaths {
  const rewriters = new Map<string, PathRewriter>();
  for (const route of routesOf(topology)) {
    const rewriter = pathRewriterOf(route);
    if (rewriter !== undefined) rewriters.set(route.name, rewriter);
  }
  return rewriters;
}
