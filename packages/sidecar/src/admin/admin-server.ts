import type { Leg, Pair, Recorder } from "@umbra/shadow";
import type { Logger } from "pino";
import { configAnswer } from "../configuration/config-answer.ts";
import type { ConfigurationState } from "../configuration/configuration-state.ts";
import type { Evaluations } from "../evaluation/evaluations.ts";
import { browserScript } from "../live-page/browser-script.ts";
import { liveSections } from "../live-page/live-sections.ts";
import { livePage, livePagePolicy } from "../live-page/page.ts";
import { createSectionFeed, type SectionFeed } from "../live-page/section-feed.ts";
import type { MirrorRegistry } from "../mirror/mirror-registry.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { refusalOf } from "./access.ts";
import type { AdminAnswers, AdminPath, JsonOf, PoolAnswer } from "./admin-answers.ts";
import { explainCall } from "./explain-call.ts";
import { type HttpServer, json, type PathRoute, read, serveRoutes } from "./http-routes.ts";
import { type ProbeOptions, probeRoutes } from "./probe-routes.ts";
import { callShadow, readBody, shadowCalls } from "./shadow-calls.ts";

export interface AdminOptions extends ProbeOptions {
  readonly pools: PoolRegistry;
  readonly recorder: Pick<Recorder, "pairs">;
  /** Returns the name of a configured or served model, or `other` for any other name, which clients can invent. */
  readonly knownModel: (pool: string, model: string | undefined) => string;
  readonly mirrors: Pick<MirrorRegistry, "gates">;
  readonly configuration: ConfigurationState;
  readonly evaluations: Pick<Evaluations, "reports" | "closedReports" | "latest" | "watch">;
  /** With a token, calls that change something are allowed from any address; without one, only from loopback. */
  readonly token: string | undefined;
  readonly log: Logger;
}

const liveEveryMs = 1_000;

/**
 * Starts the admin interface. Keep it on loopback: it shows everything to anyone who reaches it. Calls that change
 * mirroring need the token; without one, they are accepted from loopback only.
 */
export async function startAdminServer(
  at: { readonly host: string; readonly port: number },
  options: AdminOptions,
): Promise<HttpServer> {
  const feed = feedOf(options);
  const server = await serveRoutes(at, [
    ...pageRoutes(feed),
    ...probeRoutes(options),
    ...readingRoutes(options),
    ...changingRoutes(options),
  ]);
  return {
    address: server.address,
    close() {
      feed.close();
      return server.close();
    },
  };
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
  const { recorder, mirrors, evaluations } = options;
  const readJson = <P extends AdminPath>(
    path: P,
    answer: () => AdminAnswers[P] | Promise<AdminAnswers[P]>,
  ) => read(path, async (response) => json(response, 200, await answer()));
  return [
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
