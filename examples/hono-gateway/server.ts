// A gateway on Hono: tenants wait in a fair queue while the pool is saturated, and its own filter and scorer use the
// endpoints' labels. `ENDPOINTS=10.0.0.1:8000=eu,10.0.0.2:8000=us PORT=8080 node server.ts`
import { serve } from "@hono/node-server";
import { type ApiError, errorAnswer, missingModel, promptOf, readRequest } from "@umbra/openai";
import {
  admitAll,
  circuitBrokenFilter,
  createPool,
  createProfile,
  defineFilter,
  defineScorer,
  expectedWorkScorer,
  freshMetricsFilter,
  maxScorePicker,
  type Picked,
} from "@umbra/scheduler";
import { createFlowQueue } from "@umbra/scheduler/flow";
import { startScraping } from "@umbra/scheduler/scrape";
import { trackResponse } from "@umbra/scheduler/track";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";

/** Requests that name a region stay there. */
const residency = defineFilter({
  name: "residency",
  refusal: "NO_ELIGIBLE_ENDPOINT",
  keep: ({ attributes }, { labels }) =>
    attributes?.region === undefined || labels.region === attributes.region,
});
/** Prefers the cheaper region if the endpoints are otherwise equal. */
const cheap = defineScorer({
  name: "cheap",
  rate: (_request, { labels }) => (labels.region === "us" ? 1 : 0),
});

const pool = createPool({
  name: "llama",
  admission: admitAll(),
  profiles: [
    {
      profile: createProfile({
        name: "by region",
        filters: [residency, circuitBrokenFilter, freshMetricsFilter],
        scorers: [
          { scorer: expectedWorkScorer(), weight: 1 },
          { scorer: cheap, weight: 0.1 },
        ],
        picker: maxScorePicker,
      }),
    },
  ],
});
pool.setEndpoints(
  (process.env.ENDPOINTS ?? "").split(",").map((each) => {
    const [address = "", region = "eu"] = each.split("=");
    return { address, labels: { region } };
  }),
);
const scraping = startScraping(pool, { onScrape: () => queue.poke() });
const queue = createFlowQueue({
  now: () => performance.now(),
  schedule(run, afterMs) {
    const timer = setTimeout(run, afterMs);
    return () => clearTimeout(timer);
  },
  saturation: () => pool.saturation(),
  hasEndpoints: () => pool.addresses().length > 0,
  ttlMs: 10_000,
});

const app = new Hono();
app.use(
  bodyLimit({
    maxSize: 32 * 1024 * 1024,
    onError: ({ req: { path } }) =>
      refusal(path, { status: 413, code: "request_too_large", message: "the body is too large" }),
  }),
);
app.post("/v1/*", async (c) => {
  const { path } = c.req;
  const body = new Uint8Array(await c.req.arrayBuffer());
  const read = readRequest(body, c.req.header("content-type"));
  if (!read.ok) return refusal(path, read);
  const { model, fields } = read;
  if (model === undefined) return refusal(path, missingModel);
  const prompt = promptOf(body, fields);
  const region = c.req.header("x-region");
  const request = {
    model,
    ...(prompt === undefined ? {} : { prompt }),
    ...(region === undefined ? {} : { attributes: { region } }),
  };
  const turn = await queue.acquire(
    {
      // The proxy in front of this gateway must set both headers, from the caller's API key.
      priority: c.req.header("x-priority") === "batch" ? -1 : 0,
      fairnessId: c.req.header("x-tenant") ?? "nobody",
      bytes: body.length,
    },
    () => pool.pick(request),
    { signal: c.req.raw.signal },
  );
  if (!turn.ok) {
    const error = { status: 429, code: turn.code, message: turn.code };
    return refusal(path, error, turn.retryAfterMs);
  }
  const { value: picked } = turn;
  return picked.ok ? ask(picked, c.req.raw, body) : notPicked(path, picked.code);
});

// Any model server can answer this.
app.get("/v1/models", (c) => {
  const picked = pool.pick({ model: "" });
  return picked.ok ? ask(picked, c.req.raw, null) : notPicked(c.req.path, picked.code);
});

async function ask(
  { endpoint, lease }: Picked,
  request: Request,
  body: Uint8Array<ArrayBuffer> | null,
): Promise<Response> {
  const { method, signal } = request;
  const { pathname, search } = new URL(request.url);
  try {
    const answer = await fetch(`http://${endpoint}${pathname}${search}`, {
      method,
      headers: { "content-type": request.headers.get("content-type") ?? "application/json" },
      body,
      signal,
    });
    return trackResponse(answer, lease);
  } catch {
    if (signal.aborted) lease.release();
    else lease.fail();
    const message = "the model server can't be reached";
    return refusal(pathname, { status: 502, code: "bad_gateway", message });
  } finally {
    queue.poke();
  }
}

function notPicked(path: string, code: string): Response {
  return refusal(path, { status: 503, code, message: code });
}

function refusal(path: string, error: ApiError, retryAfterMs?: number): Response {
  const retryAfterSeconds =
    retryAfterMs === undefined ? undefined : Math.ceil(retryAfterMs / 1_000);
  const answer = errorAnswer(error, { path, retryAfterSeconds });
  return new Response(answer.body, answer);
}

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 8080) }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}`);
});
process.once("SIGTERM", () => {
  scraping.stop();
  queue.close();
  server.close();
});
