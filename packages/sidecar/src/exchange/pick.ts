import { destinationHeader, streamMetadata } from "@umbra/envoy-config";
import type { Decision, Headers, PickExchange, StreamInfo } from "@umbra/ext-proc";
import type { InferenceRequest, Lease } from "@umbra/scheduler";
import { errorReply, type RequestErrorCode } from "../openai/error-reply.ts";
import { readRequestBody } from "../openai/read-request.ts";
import { memoKey, type PickMemo } from "./pick-memo.ts";
import type { PoolRegistry, ServedPool } from "./pool-registry.ts";

export interface PickOptions {
  readonly pools: PoolRegistry;
  readonly memo: PickMemo;
  readonly maxBodyBytes: number;
  /** Called once a decision is made; must be cheap, it is on every request's path. */
  readonly onDecision: (pool: string, lane: Lane, outcome: PickOutcome, tookMs: number) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

export type Lane = "primary" | "shadow";
export type PickOutcome = "picked" | RequestErrorCode;

/** Paths whose body must name a model; on others a model is read if there is one. */
const modelPaths: ReadonlySet<string> = new Set([
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/responses",
  "/v1/messages",
  "/v1/rerank",
  "/v1/score",
]);

/** Serves one request of Envoy's pick filter: reads it, picks an endpoint, holds it in flight to the end. */
export function pickExchange(stream: StreamInfo, options: PickOptions): PickExchange {
  const lane: Lane = stream.metadata.get(streamMetadata.lane) === "shadow" ? "shadow" : "primary";
  const poolName = stream.metadata.get(streamMetadata.pool) ?? "";
  const mirrors = stream.metadata.get(streamMetadata.mirrors) ?? "";
  let lease: Lease | undefined;

  function decided(decision: Decision, outcome: PickOutcome, startedMs: number): Decision {
    options.onDecision(poolName, lane, outcome, options.now() - startedMs);
    return decision;
  }

  function refuse(code: RequestErrorCode, message: string, startedMs: number): Decision {
    return decided(errorReply(code, message), code, startedMs);
  }

  return {
    onHeaders(headers) {
      const startedMs = options.now();
      const declared = Number(headers.get("content-length") ?? 0);
      if (declared > options.maxBodyBytes) {
        return refuse("request_too_large", tooLargeMessage(options.maxBodyBytes), startedMs);
      }
      const encoding = headers.get("content-encoding");
      if (encoding !== undefined && encoding !== "identity") {
        const message = "compressed request bodies are not accepted: send the body as it is";
        return refuse("unsupported_content_encoding", message, startedMs);
      }
      return undefined;
    },

    decide(headers, body, { bodyIsComplete }) {
      const startedMs = options.now();
      const pool = options.pools.get(poolName);
      if (pool === undefined) {
        return refuse("unknown_pool", "the picker does not know this route's pool yet", startedMs);
      }
      const read = bodyIsComplete ? readModel(headers, body) : unread;
      if (!read.ok) return refuse(read.code, read.message, startedMs);
      if (lane === "primary" && read.model !== undefined && !isServed(pool, read.model)) {
        return refuse(
          "model_not_found",
          `the model \`${shown(read.model)}\` does not exist`,
          startedMs,
        );
      }
      const picked = pool.state.pick(inferenceRequest(pool, read.model));
      if (!picked.ok) {
        return picked.code === "POOL_SATURATED"
          ? refuse("overloaded", "every endpoint of the pool is full", startedMs)
          : refuse("no_ready_endpoints", "the pool has no endpoint that can be used", startedMs);
      }
      lease = picked.lease;
      const requestId = headers.get("x-request-id");
      if (requestId !== undefined) {
        const { model, isStream } = read;
        options.memo.remember(memoKey(lane, mirrors, requestId), {
          model,
          isStream,
          endpoint: picked.endpoint,
        });
      }
      const value =
        picked.fallbacks.length === 0
          ? picked.endpoint
          : `${picked.endpoint},${picked.fallbacks.join(",")}`;
      const setHeaders = [{ name: destinationHeader, value }];
      return decided({ kind: "route", setHeaders }, "picked", startedMs);
    },

    onEnd() {
      lease?.end();
    },
  };
}

type ReadModel =
  | { readonly ok: true; readonly model: string | undefined; readonly isStream: boolean }
  | Extract<ReturnType<typeof readRequestBody>, { ok: false }>;

/** The filter sends no body, or a part of it: the pick does without the model. */
const unread: ReadModel = { ok: true, model: undefined, isStream: false };

function readModel(headers: Headers, body: Uint8Array | undefined): ReadModel {
  const path = headers.get(":path") ?? "/";
  const query = path.indexOf("?");
  const needsModel =
    headers.get(":method") === "POST" && modelPaths.has(query < 0 ? path : path.slice(0, query));
  if (!needsModel && !(headers.get("content-type") ?? "").startsWith("application/json")) {
    return unread;
  }
  const read = readRequestBody(body);
  return read.ok || needsModel ? read : unread;
}

function inferenceRequest(pool: ServedPool, model: string | undefined): InferenceRequest {
  if (model === undefined) return { model: "" };
  return pool.served.isAdapter(model) ? { model, adapter: model } : { model };
}

function isServed(pool: ServedPool, model: string): boolean {
  return pool.listedModels.size === 0 || pool.listedModels.has(model) || pool.served.has(model);
}

/** At most 64 characters of a client's text. */
function shown(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}

export function tooLargeMessage(maxBodyBytes: number): string {
  return `the request body is larger than this gateway accepts (${maxBodyBytes} bytes)`;
}
