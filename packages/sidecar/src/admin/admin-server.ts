import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Leg, Pair, Recorder } from "@umbra/shadow";
import type { Logger } from "pino";
import { configAnswer } from "../configuration/config-answer.ts";
import type { ConfigurationState } from "../configuration/configuration-state.ts";
import type { Evaluations } from "../evaluation/evaluations.ts";
import { browserScript } from "../live-page/browser-script.ts";
import { liveSections } from "../live-page/live-sections.ts";
import { livePage, livePagePolicy } from "../live-page/page.ts";
import { createSectionFeed, type SectionFeed } from "../live-page/section-feed.ts";
import type { Exposition } from "../metrics/exposition.ts";
import type { MirrorRegistry } from "../mirror/mirror-registry.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { isRebound, refusalOf } from "./access.ts";
import type { AdminAnswers, AdminPath, JsonOf, PoolAnswer } from "./admin-answers.ts";
import { explainCall } from "./explain-call.ts";
import { callShadow, readBody, shadowCalls } from "./shadow-calls.ts";

export interface AdminOptions {
  readonly pools: PoolRegistry;
  readonly recorder: Pick<Recorder, "pairs">;
  /** Returns the name of a configured or served model, or `other` for any other name, which clients can invent. */
  readonly knownModel: (pool: string, model: string | undefined) => string;
  readonly metrics: Exposition;
  readonly mirrors: Pick<MirrorRegistry, "gates">;
  readonly configuration: ConfigurationState;
  /** What is missing before traffic can be served; empty when ready. */
  readonly notReady: () => Promise<readonly string[]>;
  /** What does not work as usual while the last state is served. */
  readonly degraded: () => readonly string[];
  readonly evaluations: Pick<Evaluations, "reports" | "closedReports" | "latest" | "watch">;
  /** With a token, calls that change something are allowed from any address; without one, only from loopback. */
  readonly token: string | undefined;
  readonly log: Logger;
}

export interface AdminServer {
  /** The bound address, `host:port`. */
  readonly address: string;
  close(): Promise<void>;
}

const liveEveryMs = 1_000;
/** Enough for people, Prometheus and a few commands. */
const maxConnections = 256;

/**
 * Starts the admin interface. Keep it on loopback: it shows everything to anyone who reaches it. Calls that change
 * mirroring need the token; without one, they are accepted from loopback only.
 */
export async function startAdminServer(
  at: { readonly host: string; readonly port: number },
  options: AdminOptions,
): Promise<AdminServer> {
  const feed = feedOf(options);
  const routes = new Map([
    ...pageRoutes(feed),
    ...readingRoutes(options),
    ...changingRoutes(options),
  ]);
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    response.setHeader("x-content-type-options", "nosniff");
    response.setHeader("content-security-policy", "frame-ancestors 'none'");
    if (isRebound(request)) {
      return json(response, 403, {
        error: "on loopback, use localhost or an IP address",
      });
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
  const { address, port, family } = server.address() as AddressInfo;
  return {
    address: family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`,
    close: () =>
      new Promise((resolve) => {
        feed.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Route {
  readonly isChange: boolean;
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

type PathRoute = readonly [path: string, route: Route];

function read(path: string, answer: (response: ServerResponse) => unknown): PathRoute {
  return [path, { isChange: false, serve: async (_, response) => void (await answer(response)) }];
}

function pageRoutes(feed: SectionFeed): readonly PathRoute[] {
  const script = browserScript();
  return [
    read("/", (response) => {
      response.setHeader("content-security-policy", livePagePolicy);
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(livePage);
    }),
    read("/live.js", (response) => {
      response.writeHead(200, { "content-type": "text/javascript; charset=utf-8" }).end(script);
    }),
    [
      "/v1/events",
      {
        isChange: false,
        async serve(request, response) {
          const { searchParams } = new URL(request.url ?? "", "http://sidecar");
          // An EventSource does not report why it was rejected, so the page sends this request to find out.
          if (request.method === "HEAD") response.writeHead(feed.isFull() ? 503 : 200).end();
          else feed.add(response, searchParams.get("evaluation") ?? undefined);
        },
      },
    ],
  ];
}

function readingRoutes(options: AdminOptions): readonly PathRoute[] {
  const { recorder, metrics, notReady, mirrors, evaluations } = options;
  const readJson = <P extends AdminPath>(
    path: P,
    answer: () => AdminAnswers[P] | Promise<AdminAnswers[P]>,
  ) => read(path, async (response) => json(response, 200, await answer()));
  return [
    readJson("/healthz", () => ({ status: "alive" })),
    read("/readyz", async (response) => {
      const missing = await notReady();
      const isReady = missing.length === 0;
      const degraded = options.degraded();
      const answer: AdminAnswers["/readyz"] = {
        status: isReady ? "ready" : "not ready",
        missing,
        ...(degraded.length === 0 ? {} : { degraded }),
      };
      json(response, isReady ? 200 : 503, answer);
    }),
    read("/metrics", async (response) => {
      const text = await metrics.text();
      response.writeHead(200, { "content-type": metrics.contentType }).end(text);
    }),
    readJson("/v1/pools", () => ({ pools: poolsOf(options) })),
    [
      "/v1/explain",
      {
        isChange: false,
        async serve(request, response) {
          const { searchParams } = new URL(request.url ?? "", "http://sidecar");
          const { status, ...answer } = explainCall(searchParams, options.pools);
          json(response, status, answer);
        },
      },
    ],
    readJson("/v1/config", () => configAnswer(options.configuration)),
    readJson("/v1/mirrors", () => ({ mirrors: mirrors.gates.map((gate) => gate.state()) })),
    readJson("/v1/report", async () => {
      const reports = await evaluations.reports();
      return { reports, closed: evaluations.closedReports };
    }),
    readJson("/v1/pairs", () => ({ pairs: recorder.pairs().map((pair) => pairOf(pair, options)) })),
  ];
}

function pairOf({ requestId, ...legs }: Pair, { knownModel }: AdminOptions): Pair {
  const known = (leg: Leg): Leg =>
    leg.model === undefined ? leg : { ...leg, model: knownModel(leg.pool, leg.model) };
  return { requestId, primary: known(legs.primary), shadow: known(legs.shadow) };
}

function changingRoutes({ mirrors, token }: AdminOptions): readonly PathRoute[] {
  return shadowCalls.map((call) => [
    `/v1/shadow/${call}`,
    {
      isChange: true,
      async serve(request, response) {
        const refusal = refusalOf(request, token);
        if (refusal !== undefined) {
          return json(response, refusal.status, { error: refusal.error });
        }
        const body = await readBody(request);
        if (body === undefined) return json(response, 413, { error: "the body is too long" });
        const { status, ...result } = callShadow(call, body, mirrors.gates);
        json(response, status, result);
      },
    },
  ]);
}

function feedOf(options: AdminOptions): SectionFeed {
  const { evaluations, mirrors, log } = options;
  return createSectionFeed({
    render: () =>
      liveSections({
        analysis: evaluations.latest,
        pools: poolsOf(options),
        mirrors: mirrors.gates.map((gate) => gate.state()),
      }),
    onWatched: (isWatched) => evaluations.watch(isWatched),
    onError: (err) => log.error({ err }, "the live page could not be rendered"),
    everyMs: liveEveryMs,
  });
}

function poolsOf({ pools }: AdminOptions): readonly PoolAnswer[] {
  return [...pools.values()].map(({ state, listedModels, served, queue }) => ({
    ...plain(state.snapshot()),
    models: [...listedModels],
    adapters: [...served.adapters],
    ...(queue === undefined ? {} : { queue: queue.snapshot() }),
  }));
}

function plain<T>(snapshot: T): JsonOf<T> {
  return JSON.parse(
    JSON.stringify(snapshot, (_key, value: unknown) => (value instanceof Set ? [...value] : value)),
  ) as JsonOf<T>;
}

function json(response: ServerResponse, status: number, data: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(data)}\n`);
}
