import { destinationHeader, type HeaderEntry, streamMetadata } from "@umbra/envoy-config";
import type { Decision, Headers, PickExchange, StreamInfo } from "@umbra/ext-proc";
import {
  type Lease,
  type PickResult,
  priorityOf,
  type SchedulingErrorCode,
  sessionKey,
} from "@umbra/scheduler";
import type { FlowQueue } from "@umbra/scheduler/flow";
import type { Captures } from "../capture/captures.ts";
import type { RequestView } from "../mirror/request-view.ts";
import { rewriteBody, shadowModel } from "../mirror/rewrite-body.ts";
import { setField } from "../openai/edit-json.ts";
import { errorReply, type RequestErrorCode } from "../openai/error-reply.ts";
import {
  invalidModel,
  isModelName,
  type RequestFields,
  readRequestBody,
} from "../openai/read-request.ts";
import { inferenceRequest } from "./inference-request.ts";
import { decideMirroring, isMeasured, type Mirroring, type MirroringOptions } from "./mirroring.ts";
import { memoKey, type PickedRequest, type PickMemo } from "./pick-memo.ts";
import type { PoolRegistry, ServedPool } from "./pool-registry.ts";
import { waitForTurn } from "./queueing.ts";
import type { Lane, MadeDecision, OpenAccount } from "./request-account.ts";
import type { TwinWatch } from "./twin-watch.ts";

export interface PickOptions {
  readonly pools: PoolRegistry;
  readonly memo: PickMemo;
  readonly mirroring: MirroringOptions;
  readonly watch: TwinWatch;
  /** Absent unless text is to be kept. */
  readonly captures: Captures | undefined;
  readonly maxBodyBytes: number;
  /** Takes down what happens to each request. */
  readonly openAccount: OpenAccount;
  /** A mirrored copy that no endpoint was found for: it has no answer that an observe stream could see. */
  readonly onTwinRefused: (requestId: string, mirror: string, pool: string) => void;
  /** A twin that has no measures is over. */
  readonly onTwinOver: (requestId: string, mirror: string) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

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
  /** Of a request that has twins, or is one. */
  let watchedId: string | undefined;
  let isTwinMeasured = false;
  let isOver = false;
  /** The queue that the request has waited in. */
  let usedQueue: FlowQueue | undefined;
  let gone: AbortController | undefined;
  const account = options.openAccount(lane, poolName);

  /** Out here, since it is kept: further in it would keep the request's body with it. */
  function failTwin(): void {
    stream.fail();
  }

  function decided(decision: Decision, made: MadeDecision): Decision {
    const more = account.decided(made);
    if (more.length === 0 || decision.kind !== "route") return decision;
    return { ...decision, setHeaders: [...decision.setHeaders, ...more] };
  }

  function refuse(
    code: RequestErrorCode,
    message: string,
    startedMs: number,
    headers: Headers,
    known: Partial<MadeDecision> = {},
  ): Decision {
    const requestId = headers.get("x-request-id");
    if (lane === "shadow" && requestId !== undefined) {
      options.onTwinRefused(requestId, mirrors, poolName);
    }
    const tookMs = options.now() - startedMs;
    return decided(errorReply(code, message), { ...known, outcome: code, tookMs });
  }

  /** The copy as the shadow is to see it. */
  function rewritten(headers: Headers, body: Uint8Array | undefined, read: ReadModel) {
    const policy = options.mirroring.registry.gateOf(mirrors)?.policy;
    if (policy === undefined) return { model: read.model, body: undefined };
    const request = { path: pathOf(headers), model: read.model, isStream: read.isStream };
    return {
      model: shadowModel(read.model, policy.rewrite),
      body: body === undefined ? undefined : rewriteBody(body, request, policy.rewrite),
    };
  }

  /** The request with the model's name that the pool's rewrites give it. */
  function renamed(
    pool: ServedPool,
    headers: Headers,
    body: Uint8Array | undefined,
    { model, fields }: ReadModel,
  ) {
    if (model === undefined || body === undefined) return { model, body: undefined };
    const name = pool.rewrite(
      model,
      sessionKey((header) => headers.get(header)),
    );
    if (name === model) return { model, body: undefined };
    return { model: name, body: setField(body, fields, "model", name) };
  }

  /** Decides on the request's twins: the headers that make Envoy send them, and whether its answer is measured. */
  function mirrored(
    headers: Headers,
    body: Uint8Array | undefined,
    pool: ServedPool,
    picked: Pick<PickedRequest, "model" | "isStream" | "endpoint" | "bodyBytes">,
    fields: RequestFields,
  ): Pick<Mirroring, "headers" | "isObserved"> {
    const requestId = headers.get("x-request-id");
    if (requestId === undefined || mirrors === "") return unmirrored;
    const request: RequestView = {
      requestId,
      method: headers.get(":method") ?? "",
      path: pathOf(headers),
      model: picked.model,
      priority: pool.priorityOf(picked.model),
      headers,
      body: body ?? noBody,
      fields,
    };
    const made = decideMirroring(mirrors, request, options.mirroring);
    if (made.isObserved) remember(requestId, { ...picked, ...made });
    if (made.isObserved && made.mirrors.length > 0) {
      watchedId = requestId;
      options.watch.primaryPicked(requestId, made.mirrors);
      if (body !== undefined) options.captures?.request(requestId, body);
    }
    return made;
  }

  function remember(requestId: string, request: Omit<PickedRequest, "dispatchedAt">): void {
    options.memo.remember(memoKey(lane, mirrors, requestId), {
      ...request,
      dispatchedAt: options.now(),
    });
  }

  return {
    onHeaders(headers, { bodyMode }) {
      account.arrived(headers);
      const startedMs = options.now();
      const declared = Number(headers.get("content-length") ?? 0);
      if (declared > options.maxBodyBytes) {
        const message = tooLargeMessage(options.maxBodyBytes);
        return refuse("request_too_large", message, startedMs, headers);
      }
      const encoding = headers.get("content-encoding");
      if (bodyMode !== "NONE" && encoding !== undefined && encoding !== "identity") {
        const message = "compressed request bodies are not accepted: send the body as it is";
        return refuse("unsupported_content_encoding", message, startedMs, headers);
      }
      return undefined;
    },

    decide(headers, body, { bodyIsComplete }) {
      const startedMs = options.now();
      const pool = options.pools.get(poolName);
      if (pool === undefined) {
        const message = "the picker does not know this route's pool yet";
        return refuse("unknown_pool", message, startedMs, headers);
      }
      const read = bodyIsComplete ? readModel(headers, body) : modelOfHeaders(headers, pool);
      if (!read.ok) return refuse(read.code, read.message, startedMs, headers);
      if (lane === "primary" && read.model !== undefined && !isServed(pool, read.model)) {
        const message = `the model \`${shown(read.model)}\` does not exist`;
        return refuse("model_not_found", message, startedMs, headers, { model: read.model });
      }
      const sent =
        lane === "shadow" ? rewritten(headers, body, read) : renamed(pool, headers, body, read);
      const { model } = sent;
      const { fields } = read;
      const request = { model, askedFor: read.model, headers, body, fields };
      const asked = inferenceRequest(pool, request);
      const counted = {
        model: read.model,
        target: model,
        priority: priorityOf(asked),
        isStream: read.isStream,
        bodyBytes: lengthOf(headers, body),
      };
      // The wait for its turn is no part of a pick's time.
      const placed = (picked: PickResult, sinceMs: number, waitedMs?: number): Decision => {
        const waited = waitedMs === undefined ? {} : { waitedMs };
        if (!picked.ok) {
          const { code, message } = refusals[picked.code];
          const reason = picked.code;
          return refuse(code, message, sinceMs, headers, { ...counted, ...waited, reason });
        }
        lease = picked.lease;
        if (isOver) return routed([], undefined);
        const { endpoint, fallbacks } = picked;
        const known = { model, isStream: read.isStream, endpoint, bodyBytes: counted.bodyBytes };
        const value = fallbacks.length === 0 ? endpoint : `${endpoint},${fallbacks.join(",")}`;
        const destination = { name: destinationHeader, value };
        const went = (decision: Decision, isAnswerMeasured: boolean): Decision =>
          decided(decision, {
            ...counted,
            ...waited,
            outcome: "picked",
            tookMs: options.now() - sinceMs,
            endpoint,
            isMeasured: isAnswerMeasured,
          });
        if (lane === "shadow") {
          const requestId = headers.get("x-request-id");
          if (requestId !== undefined) {
            watchedId = requestId;
            options.watch.twinPicked(requestId, mirrors, failTwin);
            isTwinMeasured =
              options.mirroring.registry.isEvaluated(mirrors) &&
              isMeasured(headers.get(":method") ?? "", pathOf(headers));
            remember(requestId, {
              ...known,
              mirrors: [mirrors],
              unmirrored: [],
              session: undefined,
              isObserved: isTwinMeasured,
            });
          }
          return went(routed([destination], sent.body), isTwinMeasured);
        }
        const twins = mirrored(headers, body, pool, known, fields);
        return went(routed([destination, ...twins.headers], sent.body), twins.isObserved);
      };
      if (lane === "shadow" || pool.queue === undefined) {
        return placed(pool.state.pick(asked), startedMs);
      }
      usedQueue = pool.queue;
      gone = new AbortController();
      return waitForTurn({
        pool,
        queue: pool.queue,
        request: asked,
        headers,
        bytes: body?.length ?? 0,
        now: options.now,
        signal: gone.signal,
        onPicked(picked) {
          if (picked.ok) lease = picked.lease;
        },
        decide: (picked, waitedMs) => placed(picked, options.now(), waitedMs),
        refuse(outcome, reason, waitedMs) {
          account.decided({ ...counted, outcome, reason, tookMs: 0, waitedMs });
        },
      });
    },

    onEnd(outcome) {
      isOver = true;
      account.ended(outcome);
      gone?.abort();
      lease?.release();
      usedQueue?.poke();
      if (watchedId === undefined) return;
      if (lane === "primary") {
        options.watch.primaryOver(watchedId);
        return;
      }
      options.watch.twinOver(watchedId, mirrors);
      if (!isTwinMeasured) options.onTwinOver(watchedId, mirrors);
    },
  };
}

const refusals: Readonly<
  Record<SchedulingErrorCode, { readonly code: RequestErrorCode; readonly message: string }>
> = {
  POOL_EMPTY: {
    code: "no_ready_endpoints",
    message: "the pool has no endpoint that can be used",
  },
  NO_ELIGIBLE_ENDPOINT: {
    code: "no_ready_endpoints",
    message: "the pool has no endpoint that may serve this request",
  },
  POOL_SATURATED: { code: "overloaded", message: "every endpoint of the pool is full" },
  SHED: {
    code: "overloaded",
    message: "the pool is full, and this request's priority is too low to wait for it",
  },
};

function routed(setHeaders: readonly HeaderEntry[], body: Uint8Array | undefined): Decision {
  if (body === undefined) return { kind: "route", setHeaders };
  // Envoy refuses a body that is not as long as its headers say.
  const length = { name: "content-length", value: String(body.length) };
  return { kind: "route", setHeaders: [...setHeaders, length], body };
}

interface ReadModel {
  readonly ok: true;
  readonly model: string | undefined;
  readonly isStream: boolean;
  readonly fields: RequestFields;
}

type RefusedModel = Extract<ReturnType<typeof readRequestBody>, { ok: false }>;

const unread: ReadModel = { ok: true, model: undefined, isStream: false, fields: new Map() };
const noBody = new Uint8Array();
const unmirrored = { headers: [], isObserved: false };

/** Where the filter sends no body, or a part of it. Without a model the pick is by load alone. */
function modelOfHeaders(headers: Headers, pool: ServedPool): ReadModel | RefusedModel {
  const { modelHeader, onlyModel } = pool;
  const named = modelHeader === undefined ? undefined : headers.get(modelHeader);
  const model = named ?? onlyModel;
  if (model === undefined) return unread;
  return isModelName(model) ? { ...unread, model } : invalidModel;
}

function readModel(headers: Headers, body: Uint8Array | undefined): ReadModel | RefusedModel {
  const needsModel = headers.get(":method") === "POST" && modelPaths.has(pathOf(headers));
  if (!needsModel && !(headers.get("content-type") ?? "").startsWith("application/json")) {
    return unread;
  }
  const read = readRequestBody(body);
  return read.ok || needsModel ? read : unread;
}

/** What was read, else what the client says is coming. */
function lengthOf(headers: Headers, body: Uint8Array | undefined): number {
  if (body !== undefined) return body.length;
  const declared = Number(headers.get("content-length") ?? 0);
  return Number.isSafeInteger(declared) && declared > 0 ? declared : 0;
}

/** Without the query. */
function pathOf(headers: Headers): string {
  const path = headers.get(":path") ?? "/";
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
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
