// A reverse proxy in plain Node that picks the best model server for each request, and tries another if it can't be
// reached. `ENDPOINTS=10.0.0.1:8000,10.0.0.2:8000 PORT=8080 node server.ts`
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type ApiError,
  errorAnswer,
  missingModel,
  needsModel,
  promptOf,
  readModelList,
  readRequest,
} from "@umbra/openai";
import { createAnswerReader } from "@umbra/openai/answers";
import { createPool, type InferenceRequest } from "@umbra/scheduler";
import { startScraping } from "@umbra/scheduler/scrape";

const maxBodyBytes = 32 * 1024 * 1024;
const maxTries = 3;

const pool = createPool({ name: "llama" });
pool.setEndpoints((process.env.ENDPOINTS ?? "").split(",").filter((each) => each !== ""));
const scraping = startScraping(pool);

/** What the model servers list as adapters. They are asked again every ten seconds. */
const adapters = new Set<string>();
const learning = setInterval(() => void learnModels(), 10_000);
void learnModels();

async function learnModels(): Promise<void> {
  await Promise.all(pool.addresses().map(learnModelsOf));
}

async function learnModelsOf(address: string): Promise<void> {
  const signal = AbortSignal.timeout(2_000);
  const text = await fetch(`http://${address}/v1/models`, { signal })
    .then((answer) => answer.text())
    .catch(() => "");
  const list = readModelList(text);
  if (list === undefined) return;
  pool.recordModels(address, list);
  for (const name of list.adapters) adapters.add(name);
}

const server = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  incoming.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  });
  incoming.on("end", () => {
    if (bytes > maxBodyBytes) {
      const error = { status: 413, code: "request_too_large", message: "the body is too large" };
      refuse(incoming, outgoing, error);
      return;
    }
    const body = Buffer.concat(chunks);
    const asked = inferenceOf(incoming, body);
    if ("status" in asked) refuse(incoming, outgoing, asked);
    else forward(incoming, outgoing, body, asked, []);
  });
});

function inferenceOf(incoming: IncomingMessage, body: Buffer): InferenceRequest | ApiError {
  // Any model server can answer `GET /v1/models` and similar requests.
  if (!needsModel(pathOf(incoming))) return { model: "" };
  const read = readRequest(body, incoming.headers["content-type"]);
  if (!read.ok) return read;
  const { model, fields } = read;
  if (model === undefined) return missingModel;
  const prompt = promptOf(body, fields);
  return {
    model,
    ...(prompt === undefined ? {} : { prompt }),
    ...(adapters.has(model) ? { adapter: model } : {}),
  };
}

function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  body: Buffer,
  asked: InferenceRequest,
  tried: readonly string[],
): void {
  const picked = pool.pick({ ...asked, exclude: tried });
  if (!picked.ok) {
    const { code, retryAfterMs } = picked;
    const error = { status: retryAfterMs === undefined ? 503 : 429, code, message: code };
    refuse(incoming, outgoing, error, retryAfterMs);
    return;
  }
  const { endpoint, lease } = picked;
  const { method, url, headers } = incoming;
  const upstream = request(`http://${endpoint}${url}`, { method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    const reader = createAnswerReader(
      answer.headers["content-type"] ?? "",
      answer.headers["content-encoding"],
    );
    answer.on("data", (chunk: Buffer) => {
      lease.firstToken();
      reader?.push(chunk, performance.now());
    });
    answer.on("end", () => {
      const { outTokens } = reader?.end() ?? {};
      if ((answer.statusCode ?? 500) >= 500) lease.fail();
      else lease.done(outTokens === undefined ? {} : { outputTokens: outTokens });
    });
    answer.on("error", () => {
      lease.fail();
      outgoing.destroy();
    });
    answer.pipe(outgoing);
  });
  upstream.on("error", () => {
    lease.fail();
    // The client has gone: nobody waits for another try.
    if (outgoing.destroyed) return;
    if (outgoing.headersSent) outgoing.destroy();
    else if (tried.length + 1 < maxTries) {
      forward(incoming, outgoing, body, asked, [...tried, endpoint]);
    } else {
      const message = "no model server could be reached";
      refuse(incoming, outgoing, { status: 502, code: "bad_gateway", message });
    }
  });
  outgoing.on("close", () => {
    lease.release();
    upstream.destroy();
  });
  upstream.end(body);
}

function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split("?")[0] ?? url;
}

function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  error: ApiError,
  retryAfterMs?: number,
): void {
  if (outgoing.destroyed) return;
  const { status, headers, body } = errorAnswer(error, {
    path: pathOf(incoming),
    retryAfterSeconds: retryAfterMs === undefined ? undefined : Math.ceil(retryAfterMs / 1_000),
  });
  outgoing.writeHead(status, headers).end(body);
}

server.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once("SIGTERM", () => {
  clearInterval(learning);
  scraping.stop();
  server.close();
});
