// A fetch handler for Cloudflare Workers, Deno and Bun. A Worker has no timers between requests, so nothing is scraped:
// the pick uses this isolate's own requests in flight, prefixes, latency and failures. Workers pass the variable
// `ENDPOINTS` to the handler and need the compatibility flag `nodejs_compat`; Deno and Bun have it in the environment.
import {
  type ApiError,
  errorAnswer,
  missingModel,
  needsModel,
  promptOf,
  readRequest,
} from "@umbra/openai";
import {
  circuitBrokenFilter,
  createPool,
  createProfile,
  type InferenceRequest,
  inFlightScorer,
  latencyScorer,
  type PoolState,
  powerOfTwoPicker,
  prefixCacheScorer,
  sessionKey,
} from "@umbra/scheduler";
import { trackResponse } from "@umbra/scheduler/track";

export interface Env {
  /** `host:port,host:port,…`; from the process's environment when absent. */
  readonly ENDPOINTS?: string;
}

let pool: PoolState | undefined;

function poolOf({ ENDPOINTS = process.env.ENDPOINTS ?? "" }: Env): PoolState {
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
  pool.setEndpoints(ENDPOINTS.split(",").filter((each) => each !== ""));
  return pool;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const contentType = request.headers.get("content-type") ?? "application/json";
    const body = new Uint8Array(await request.arrayBuffer());
    const asked = inferenceOf(pathname, contentType, body);
    if ("status" in asked) return refusal(pathname, asked);
    const session = sessionKey((name) => request.headers.get(name));
    const picked = poolOf(env).pick({ ...asked, ...(session === undefined ? {} : { session }) });
    if (!picked.ok) {
      return refusal(pathname, { status: 503, code: picked.code, message: picked.code });
    }
    try {
      const answer = await fetch(`http://${picked.endpoint}${pathname}${search}`, {
        method: request.method,
        headers: { "content-type": contentType },
        body: request.method === "GET" ? null : body,
        signal: request.signal,
      });
      return trackResponse(answer, picked.lease);
    } catch {
      // A client that goes away says nothing about the server.
      if (request.signal.aborted) picked.lease.release();
      else picked.lease.fail();
      const message = "the model server can't be reached";
      return refusal(pathname, { status: 502, code: "bad_gateway", message });
    }
  },
};

function inferenceOf(
  path: string,
  contentType: string,
  body: Uint8Array,
): InferenceRequest | ApiError {
  // Any model server can answer `GET /v1/models` and similar requests.
  if (!needsModel(path)) return { model: "" };
  const read = readRequest(body, contentType);
  if (!read.ok) return read;
  const { model, fields } = read;
  if (model === undefined) return missingModel;
  const prompt = promptOf(body, fields);
  return { model, ...(prompt === undefined ? {} : { prompt }) };
}

function refusal(path: string, error: ApiError): Response {
  const answer = errorAnswer(error, { path });
  return new Response(answer.body, answer);
}
