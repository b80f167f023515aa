// A fetch handler as Cloudflare Workers, Deno and Bun take it. A Worker has no timers between requests, so nothing is
// scraped: the pick goes by this isolate's own requests in flight, prefixes, latency and failures.
import {
  circuitBrokenFilter,
  createPool,
  createProfile,
  inFlightScorer,
  latencyScorer,
  type PoolState,
  powerOfTwoPicker,
  prefixCacheScorer,
  sessionKey,
} from "@umbra/scheduler";
import { trackResponse } from "@umbra/scheduler/track";

export interface Env {
  /** `host:port,host:port,…` */
  readonly ENDPOINTS: string;
}

let pool: PoolState | undefined;

function poolOf({ ENDPOINTS }: Env): PoolState {
  pool ??= createPool({
    name: "llama",
    profiles: [
      {
        profile: createProfile({
          name: "without metrics",
          filters: [circuitBrokenFilter],
          scorers: [
            { scorer: inFlightScorer(), weight: 2 },
            { scorer: prefixCacheScorer(), weight: 3 },
            { scorer: latencyScorer, weight: 1 },
          ],
          picker: powerOfTwoPicker,
        }),
      },
    ],
  });
  pool.setEndpoints(ENDPOINTS.split(","));
  return pool;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const body = new Uint8Array(await request.arrayBuffer());
    const session = sessionKey((name) => request.headers.get(name));
    const picked = poolOf(env).pick({
      model: modelOf(body) ?? "",
      prompt: body,
      ...(session === undefined ? {} : { session }),
    });
    if (!picked.ok) return Response.json({ error: { message: picked.code } }, { status: 503 });
    const { pathname, search } = new URL(request.url);
    try {
      const answer = await fetch(`http://${picked.endpoint}${pathname}${search}`, {
        method: request.method,
        headers: { "content-type": "application/json" },
        body: request.method === "GET" ? null : body,
        signal: request.signal,
      });
      return trackResponse(answer, picked.lease);
    } catch {
      // A client that goes away says nothing about the server.
      if (request.signal.aborted) picked.lease.release();
      else picked.lease.fail();
      return Response.json({ error: { message: "unreachable" } }, { status: 502 });
    }
  },
};

function modelOf(body: Uint8Array): string | undefined {
  try {
    const { model } = JSON.parse(new TextDecoder().decode(body)) as { model?: unknown };
    return typeof model === "string" ? model : undefined;
  } catch {
    return undefined;
  }
}
