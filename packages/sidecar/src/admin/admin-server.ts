import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Recorder } from "@umbra/shadow";
import type { Registry } from "prom-client";
import type { PoolRegistry } from "../exchange/pool-registry.ts";

export interface AdminOptions {
  readonly pools: PoolRegistry;
  readonly recorder: Recorder;
  readonly registry: Registry;
  /** What is still missing for traffic; empty when ready. */
  readonly notReady: () => Promise<readonly string[]>;
}

export interface AdminServer {
  /** `host:port` as bound. */
  readonly address: string;
  close(): Promise<void>;
}

/** Starts the admin interface. It tells everything and changes nothing; it belongs on loopback. */
export async function startAdminServer(
  at: { readonly host: string; readonly port: number },
  options: AdminOptions,
): Promise<AdminServer> {
  const routes = adminRoutes(options);
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const route = routes.get(path);
    if (route === undefined) {
      return json(response, 404, {
        error: `unknown path; there are ${[...routes.keys()].join(", ")}`,
      });
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return json(response, 405, { error: "only GET is served" });
    }
    route(response).catch((cause: unknown) => json(response, 500, { error: String(cause) }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at.port, at.host, resolve);
  });
  const { address, port, family } = server.address() as AddressInfo;
  return {
    address: family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Route = (response: ServerResponse) => Promise<void>;

function adminRoutes({
  pools,
  recorder,
  registry,
  notReady,
}: AdminOptions): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ["/healthz", async (response) => json(response, 200, { status: "alive" })],
    [
      "/readyz",
      async (response) => {
        const missing = await notReady();
        const isReady = missing.length === 0;
        json(response, isReady ? 200 : 503, { status: isReady ? "ready" : "not ready", missing });
      },
    ],
    [
      "/metrics",
      async (response) => {
        const page = await registry.metrics();
        response.writeHead(200, { "content-type": registry.contentType }).end(page);
      },
    ],
    [
      "/v1/pools",
      async (response) => {
        const data = [...pools.values()].map(({ name, state, listedModels, served }) => ({
          name,
          models: [...listedModels],
          adapters: [...served.adapters],
          ...plain(state.snapshot()),
        }));
        json(response, 200, { pools: data });
      },
    ],
    ["/v1/report", async (response) => json(response, 200, recorder.report())],
    ["/v1/pairs", async (response) => json(response, 200, { pairs: recorder.pairs() })],
  ]);
}

/** Sets have no JSON form of their own. */
function plain(snapshot: object): object {
  return JSON.parse(
    JSON.stringify(snapshot, (_key, value: unknown) => (value instanceof Set ? [...value] : value)),
  ) as object;
}

function json(response: ServerResponse, status: number, data: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(data)}\n`);
}
