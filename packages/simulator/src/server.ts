import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerTo, logprobOf } from "./answer-content.ts";
import {
  type AnswerHead,
  type ApiError,
  type CompletionRequest,
  notFound,
  readCompletion,
  streamEvent,
  usageEvent,
  wholeAnswer,
} from "./completion.ts";
import { createEngine, type EngineGauges } from "./engine.ts";
import type { Faults } from "./faults.ts";
import { createMetricsPage, type FinishedRequest, type PinnedMetrics } from "./metrics-page.ts";
import { createModelRegistry } from "./model-registry.ts";
import { defaultOptions, type SimulatorOptions } from "./options.ts";
import { createRandom } from "./random.ts";
import { readBody } from "./read-body.ts";

/**
 * A simulated vLLM server. It has no model: the content of its answers is made up, their timing and format are
 * realistic.
 */
export interface SimulatedServer {
  /** Starts listening. Returns the bound `ip:port`. */
  listen(port: number, host?: string): Promise<string>;
  close(): Promise<void>;
  state(): SimulatorState;
  /** For tests: fixes values of `/metrics`, independent of the engine. */
  pinMetrics(pinned: PinnedMetrics): void;
  /** For tests: sets the faults of the server. `{}` removes them. */
  setFaults(faults: Faults): void;
}

export interface SimulatorState
  extends Pick<EngineGauges, "waiting" | "running" | "kvCacheUsage" | "adapterLoads"> {
  /** Number of completion requests received. */
  readonly requestsServed: number;
}

/** A request and its answer. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const defaultOutputTokens = 16;

export function createSimulatedServer(options: Partial<SimulatorOptions> = {}): SimulatedServer {
  const all: SimulatorOptions = { ...defaultOptions, ...options };
  const timers = new Set<NodeJS.Timeout>();
  const later = (run: () => void, afterMs: number) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, afterMs);
    timers.add(timer);
  };
  const engine = createEngine(all, { now: () => performance.now(), schedule: later });
  const page = createMetricsPage(all, Date.now);
  const models = createModelRegistry(all);
  let pinned: PinnedMetrics = {};
  let faults: Faults = {};
  let requestsServed = 0;
  const random = createRandom(all.seed);

  const server = createServer(
    { keepAliveTimeout: 60_000, requestTimeout: 0 },
    (request, response) => {
      const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
      response.setHeader("server", "umbra-simulator");
      const id = request.headers["x-request-id"];
      if (typeof id === "string") response.setHeader("x-request-id", id);
      response.once("close", () => request.removeAllListeners("data"));
      route({ request, response }, path).catch(() => response.destroy());
    },
  );
  server.on("clientError", (_error, socket) => socket.destroy());

  async function route(exchange: Exchange, path: string): Promise<void> {
    const { request, response } = exchange;
    switch (`${request.method} ${path}`) {
      case "POST /v1/chat/completions":
        return completion(exchange, "chat");
      case "POST /v1/completions":
        return completion(exchange, "completion");
      case "GET /metrics":
        return metrics(response);
      case "GET /health":
      case "GET /ping":
        return send(response, 200, "");
      case "GET /version":
        return send(response, 200, JSON.stringify({ version: "0.0.0-umbra-simulator" }));
      case "GET /v1/models":
        return send(response, 200, models.list());
      case "POST /v1/load_lora_adapter":
      case "POST /v1/unload_lora_adapter": {
        const isLoad = path.endsWith("/load_lora_adapter");
        const outcome = models.change(isLoad ? "load" : "unload", await readBody(request));
        if (typeof outcome !== "string") return fail(exchange, outcome);
        if (!isLoad) engine.unload(outcome);
        const what = isLoad ? "added" : "removed";
        return send(response, 200, `Success: LoRA adapter '${outcome}' ${what} successfully.`);
      }
      default:
        return fail(exchange, notFound("Not Found"));
    }
  }

  async function metrics(response: ServerResponse): Promise<void> {
    if (faults.metrics === "hang") return;
    if (faults.metrics === "500") return send(response, 500, "");
    const text = await page.render({ ...engine.gauges(), ...pinned });
    response
      .writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" })
      .end(text);
  }

  async function completion(exchange: Exchange, kind: CompletionRequest["kind"]): Promise<void> {
    const { request } = exchange;
    requestsServed++;
    if (faults.stallReads) {
      request.pause();
      request.socket.pause();
      return;
    }
    const body = await readBody(request);
    if (faults.hang) return;
    if (faults.statusForRequests !== undefined) {
      const fault = { message: "a simulated fault", type: "InternalServerError" };
      return fail(exchange, { status: faults.statusForRequests, ...fault });
    }
    const asked = readCompletion(kind, body, all.servedModelNames[0] ?? all.model);
    if ("status" in asked) return fail(exchange, asked);
    const refusal = models.refusal(asked, all.maxModelLen);
    if (refusal !== undefined) return fail(exchange, refusal);
    const answer = () => generate(exchange, asked);
    if (faults.delayMs === undefined) answer();
    else later(answer, faults.delayMs);
  }

  function generate({ request, response }: Exchange, asked: CompletionRequest): void {
    const startedMs = performance.now();
    const { promptTokens } = asked;
    const left = Math.max(1, all.maxModelLen - promptTokens);
    const mostTokens = Math.min(asked.maxTokens ?? defaultOutputTokens, left);
    const answer = answerTo(asked.tool, mostTokens, all, randomFor(asked, random));
    const { tokens, finishReason } = answer;
    const outputTokens = tokens.length;
    const head = headOf(asked, all.logprobDrift);
    let made = 0;
    let firstMs = 0;
    let pending = "";

    const finished = (reason: FinishedRequest["finishReason"]) => {
      const e2e = (performance.now() - startedMs) / 1_000;
      const ttft = made === 0 ? e2e : (firstMs - startedMs) / 1_000;
      page.finished({ promptTokens, outputTokens: made, finishReason: reason, ttft, e2e });
    };

    const onToken = (isLast: boolean) => {
      if (made === 0) {
        firstMs = performance.now();
        logLine(request, 200);
        if (asked.isStream) {
          response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
          if (asked.kind === "chat") pending += streamEvent(head, { role: "assistant" });
        }
      }
      const token = tokens[made++] ?? {};
      if (asked.isStream) {
        pending += streamEvent(head, isLast ? { token, finishReason } : { token });
        if (isLast) {
          if (asked.hasStreamUsage) pending += usageEvent(head, promptTokens, made);
          response.end(`${pending}data: [DONE]\n\n`);
        } else if (all.timeScale > 0) {
          response.write(pending);
          pending = "";
        }
        if (faults.cutAfterTokens !== undefined && made >= faults.cutAfterTokens)
          response.destroy();
      } else if (isLast) {
        send(response, 200, wholeAnswer(head, asked, answer));
      }
      if (isLast) finished(finishReason === "tool_calls" ? "stop" : finishReason);
    };

    const adapter = models.isAdapter(asked.model) ? { adapter: asked.model } : {};
    const cancel = engine.submit({ promptTokens, outputTokens, onToken, ...adapter });
    response.once("close", () => {
      if (made >= outputTokens) return;
      cancel();
      finished("abort");
    });
  }

  function logLine({ socket, method, url }: IncomingMessage, status: number): void {
    const phrase = status === 200 ? "OK" : (phrases.get(status) ?? "");
    const from = `${socket.remoteAddress ?? "-"}:${socket.remotePort ?? 0}`;
    all.log(`INFO:     ${from} - "${method} ${url} HTTP/1.1" ${status} ${phrase}`.trimEnd());
  }

  function fail({ request, response }: Exchange, { status, message, type }: ApiError): void {
    logLine(request, status);
    send(response, status, JSON.stringify({ error: { message, type, param: null, code: status } }));
  }

  return {
    listen: (port, host = "127.0.0.1") =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          const { address, port: bound, family } = server.address() as AddressInfo;
          resolve(family === "IPv6" ? `[${address}]:${bound}` : `${address}:${bound}`);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        for (const timer of timers) clearTimeout(timer);
        if (!server.listening) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    state() {
      const { waiting, running, kvCacheUsage, adapterLoads } = engine.gauges();
      return { waiting, running, kvCacheUsage, adapterLoads, requestsServed };
    },
    pinMetrics(next) {
      pinned = next;
    },
    setFaults(next) {
      faults = next;
    },
  };
}

/** A request with a seed gets the same answer each time. */
function randomFor({ seed }: CompletionRequest, random: () => number): () => number {
  return seed === undefined ? random : createRandom(seed);
}

function headOf({ kind, model, topLogprobs: top }: CompletionRequest, drift: number): AnswerHead {
  const id = `${kind === "chat" ? "chatcmpl" : "cmpl"}-${randomBytes(16).toString("hex")}`;
  return {
    ...{ id, model, created: Math.floor(Date.now() / 1_000), kind },
    ...(top !== undefined && { logprobOf: (token) => logprobOf(token, { top, drift }) }),
  };
}

const phrases: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [404, "Not Found"],
  [413, "Request Entity Too Large"],
  [500, "Internal Server Error"],
  [503, "Service Unavailable"],
]);

function send(response: ServerResponse, status: number, body: string): void {
  const isJson = body.startsWith("{");
  response.writeHead(status, {
    "content-type": isJson ? "application/json" : "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}
