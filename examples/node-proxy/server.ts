// A reverse proxy in plain Node that picks the best model server for each request, and tries another where one can't
// be reached. `ENDPOINTS=10.0.0.1:8000,10.0.0.2:8000 PORT=8080 node server.ts`
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createPool, type InferenceRequest } from "@umbra/scheduler";
import { startScraping } from "@umbra/scheduler/scrape";

const maxBodyBytes = 32 * 1024 * 1024;
const maxTries = 3;

const pool = createPool({ name: "llama" });
pool.setEndpoints((process.env.ENDPOINTS ?? "").split(",").filter((each) => each !== ""));
const scraping = startScraping(pool);

const server = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  incoming.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  });
  incoming.on("end", () => {
    if (bytes > maxBodyBytes) {
      refuse(outgoing, 413, "the body is too large");
      return;
    }
    const body = Buffer.concat(chunks);
    const asked = readRequest(body);
    if (asked === undefined) {
      refuse(outgoing, 400, "the body is not JSON with a `model`");
      return;
    }
    forward(incoming, outgoing, body, asked, []);
  });
});

function readRequest(body: Buffer): InferenceRequest | undefined {
  try {
    const { model } = JSON.parse(body.toString()) as { model?: unknown };
    return typeof model === "string" ? { model, prompt: body } : undefined;
  } catch {
    return undefined;
  }
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
    const { retryAfterMs } = picked;
    if (retryAfterMs !== undefined) {
      outgoing.setHeader("retry-after", Math.ceil(retryAfterMs / 1_000));
    }
    refuse(outgoing, retryAfterMs === undefined ? 503 : 429, picked.code);
    return;
  }
  const { endpoint, lease } = picked;
  const { method, url, headers } = incoming;
  const upstream = request(`http://${endpoint}${url}`, { method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.once("data", () => lease.firstToken());
    answer.on("end", () => ((answer.statusCode ?? 500) < 500 ? lease.done() : lease.fail()));
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
    } else refuse(outgoing, 502, "no model server could be reached");
  });
  outgoing.on("close", () => {
    lease.release();
    upstream.destroy();
  });
  upstream.end(body);
}

function refuse(outgoing: ServerResponse, status: number, message: string): void {
  if (outgoing.destroyed) return;
  outgoing.writeHead(status, { "content-type": "application/json" });
  outgoing.end(
    JSON.stringify({ error: { message, type: "server_error", param: null, code: null } }),
  );
}

server.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once("SIGTERM", () => {
  scraping.stop();
  server.close();
});
