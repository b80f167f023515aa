import { type PathRewriter, pathRewriterOf, routesOf, type Topology } from "@umbra/envoy-config";

/** Path rewrites of routes, by `Route.name`. Routes without a rewrite have no entry. */
export type BackendPaths = ReadonlyMap<string, PathRewriter>;

/** The rewrites, which follow the topology: those of new routes at once, all others once Envoy has the new routes. */
export interface ServedPaths {
  readonly paths: BackendPaths;
  begin(topology: Topology): void;
  retire(): void;
}

export function createServedPaths(topology: Topology): ServedPaths {
  const paths = new Map<string, PathRewriter>(backendPaths(topology));
  let next: BackendPaths = paths;
  return {
    paths,
    begin(changed) {
      next = backendPaths(changed);
      for (const [route, rewriter] of next) if (!paths.has(route)) paths.set(route, rewriter);
    },
    retire() {
      for (const [route, rewriter] of next) paths.set(route, rewriter);
      for (const route of paths.keys()) if (!next.has(route)) paths.delete(route);
    },
  };
}

/** Envoy rewrites a path after its filters: a pick sees the client's path and computes the endpoint's. */
export function backendPaths(topology: Topology): BackendPaths {
  const rewriters = new Map<string, PathRewriter>();
  for (const route of routesOf(topology)) {
    const rewriter = pathRewriterOf(route);
    if (rewriter !== undefined) rewriters.set(route.name, rewriter);
  }
  return rewriters;
}
