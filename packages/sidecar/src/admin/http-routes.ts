import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { socketName } from "@umbra/envoy-config";
import { isRebound } from "./access.ts";

export interface HttpServer {
  /** The bound address, `host:port`. */
  readonly address: string;
  close(): Promise<void>;
}

export interface Route {
  readonly isChange: boolean;
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export type PathRoute = readonly [path: string, route: Route];

/** Enough for people, Prometheus and a few commands. */
const maxConnections = 256;

/** Serves exactly these paths, and no other site's name that leads to loopback. Throws if it can't listen. */
export async function serveRoutes(
  at: { readonly host: string; readonly port: number },
  served: readonly PathRoute[],
): Promise<HttpServer> {
  const routes = new Map(served);
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    response.setHeader("x-content-type-options", "nosniff");
    response.setHeader("content-security-policy", "frame-ancestors 'none'");
    if (isRebound(request)) {
      return json(response, 403, { error: "on loopback, use localhost or an IP address" });
    }
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const route = routes.get(path);
    if (route === undefined) {
      return json(response, 404, {
        error: `unknown path; available paths: ${[...routes.keys()].join(", ")}`,
      });
    }
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (route.isChange ? request.method !== "POST" : !isRead) {
      const error = route.isChange ? "this path requires POST" : "only GET is supported";
      return json(response, 405, { error });
    }
    route.serve(request, response).catch((cause: unknown) => {
      if (!response.headersSent) json(response, 500, { error: String(cause) });
      else response.destroy();
    });
  });
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at.port, at.host, resolve);
  });
  return {
    address: socketName(server.address() as AddressInfo),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A path that changes nothing. */
export function read(path: string, answer: (response: ServerResponse) => unknown): PathRoute {
  return [path, { isChange: false, serve: async (_, response) => void (await answer(response)) }];
}

export function json(response: ServerResponse, status: number, data: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(data)}\n`);
}
