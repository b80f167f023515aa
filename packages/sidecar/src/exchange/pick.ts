import type {
  BodyMode,
  Decision,
  Headers,
  HeadersInfo,
  PendingDecision,
  PickExchange,
  ResponseInfo,
  StreamInfo,
  StreamOutcome,
} from "@umbra/ext-proc";
import type { Coding } from "@umbra/openai/decode";
import { type Lease, type PickResult, priorityOf } from "@umbra/scheduler";
import type { FlowQueue } from "@umbra/scheduler/flow";
import { type DroppedReason, errorReply, type RequestErrorCode } from "../error-reply.ts";
import type { RequestView } from "../mirror/request-view.ts";
import { type AnswerWatch, createAnswerWatch } from "./answer-watch.ts";
import { type Asked, heldBytes, type Known, knownOf, routed } from "./asked.ts";
import { type GatewayStream, gatewayStream } from "./gateway-stream.ts";
import { inferenceRequest, sessionOf } from "./inference-request.ts";
import { decideMirroring, isMeasured, type Mirroring } from "./mirroring.ts";
import { modelListReply } from "./model-list-reply.ts";
import { memoKey, type PickedRequest } from "./pick-memo.ts";
import type { PickOptions } from "./pick-options.ts";
import { waitForTurn } from "./queueing.ts";
import { isServed, lengthOf, modelOfHeaders, pathOf, readModel } from "./read-model.ts";
import {
  refusalMessage,
  refusals,
  tooLargeMessage,
  tooManyBodies,
  undecoded,
  unknownCoding,
  unknownModel,
  unsupportedTrailers,
} from "./refusals.ts";
import type { RequestAccount } from "./request-account.ts";
import { primaryTarget, shadowTarget } from "./target-model.ts";

/** Serves one request of Envoy's pick filter: reads it, picks an endpoint, holds it in flight to the end. */
export function pickExchange(stream: StreamInfo, options: PickOptions): PickExchange {
  return new Picking(stream, options);
}

/** A class: one is made for each request, and its methods are made once. */
class Picking implements PickExchange {
  readonly #options: PickOptions;
  readonly #stream: StreamInfo;
  readonly #gateway: GatewayStream;
  readonly #account: RequestAccount;
  #subset: readonly string[] | undefined = undefined;
  #lease: Lease | undefined = undefined;
  /** Of a request that has twins, or is one. */
  #watchedId: string | undefined = undefined;
  #isTwinMeasured = false;
  /** Of a request that was picked. */
  #requestId: string | undefined = undefined;
  #isOver = false;
  /** The queue that the request has waited in. */
  #usedQueue: FlowQueue | undefined = undefined;
  #leaving: AbortController | undefined = undefined;
  #watch: AnswerWatch | undefined = undefined;
  /** As the endpoint gets it, without the query. */
  #path = "";

  constructor(stream: StreamInfo, options: PickOptions) {
    this.#options = options;
    this.#stream = stream;
    this.#gateway = gatewayStream(stream, options.gateway);
    this.#account = options.openAccount(this.#gateway.lane, this.#gateway.pool);
  }

  get unsaidMode(): BodyMode {
    return this.#gateway.unsaidMode;
  }

  get mayOverrideMode(): boolean {
    return this.#gateway.mayOverrideMode;
  }

  onHeaders(headers: Headers, info: HeadersInfo): Decision | undefined {
    const { maxBodyBytes, decoder, now } = this.#options;
    this.#path = this.#gateway.backendPath(pathOf(headers));
    this.#account.arrived(headers, this.#path);
    this.#subset = this.#gateway.subset(info);
    const length = headers.get("content-length");
    if (length !== undefined && isBodyRead(info.bodyMode) && Number(length) > maxBodyBytes) {
      return this.#refuse("request_too_large", tooLargeMessage(maxBodyBytes), now(), headers);
    }
    const encoding = headers.get("content-encoding");
    if (encoding === undefined || info.endOfStream || !isBodyRead(info.bodyMode)) return undefined;
    return decoder.codingOf(encoding) === "unknown"
      ? this.#refuse("unsupported_content_encoding", unknownCoding, now(), headers)
      : undefined;
  }

  onTooLarge(headers: Headers): Decision {
    const { maxBodyBytes, now } = this.#options;
    return this.#refuse("request_too_large", tooLargeMessage(maxBodyBytes), now(), headers);
  }

  onTooBusy(headers: Headers): Decision {
    const { now } = this.#options;
    return this.#refuse("overloaded", tooManyBodies, now(), headers, nothing, "rejected-saturated");
  }

  onTrailers(headers: Headers): Decision | undefined {
    return this.#gateway.repeatsTrailed
      ? this.#refuse("unsupported_trailers", unsupportedTrailers, this.#options.now(), headers)
      : undefined;
  }

  decide(
    headers: Headers,
    body: Uint8Array | undefined,
    { bodyIsComplete }: { readonly bodyIsComplete: boolean },
  ): Decision | PendingDecision {
    const coding = this.#options.decoder.codingOf(headers.get("content-encoding"));
    if (body === undefined || !bodyIsComplete || coding === "identity" || coding === "unknown") {
      return this.#choose(headers, body, bodyIsComplete, false);
    }
    return this.#chooseDecoded(headers, body, coding);
  }

  onResponseHeaders(answer: Headers, info: ResponseInfo): void {
    if (this.#lease === undefined) return;
    this.#watch ??= createAnswerWatch();
    this.#watch.headers(this.#lease, {
      headers: answer,
      served: this.#gateway.served(info),
      details: info.attributes.get("response.code_details"),
      isEnd: info.endOfStream,
    });
    if (answer.get(":status") !== "404") return;
    this.#options.pools.get(this.#gateway.pool)?.served.doubt(this.#lease.endpoint);
  }

  onResponseBody(chunk: Uint8Array, endOfStream: boolean): void {
    if (this.#lease !== undefined) this.#watch?.body(this.#lease, chunk.length, endOfStream);
  }

  onResponseTrailers(): void {
    if (this.#lease !== undefined) this.#watch?.body(this.#lease, 0, true);
  }

  onEnd(outcome: StreamOutcome): void {
    this.#isOver = true;
    this.#account.ended(outcome);
    this.#leaving?.abort();
    if (this.#lease !== undefined) {
      this.#watch?.over(this.#lease);
      this.#lease.release();
    }
    this.#forgetAnswer();
    this.#usedQueue?.poke();
    const watchedId = this.#watchedId;
    if (watchedId === undefined) return;
    const { watch, onTwinOver } = this.#options;
    const { lane, mirrors } = this.#gateway;
    if (lane === "primary") {
      watch.primaryOver(watchedId);
      return;
    }
    watch.twinOver(watchedId, mirrors);
    if (!this.#isTwinMeasured) onTwinOver(watchedId, mirrors);
  }

  /** Lets the request's answer, which the access log may tell of later, find its pick. */
  #rememberAnswer(asked: Asked, lease: Lease, isMeasured: boolean): void {
    const requestId = asked.headers.get("x-request-id");
    if (requestId === undefined) return;
    const { lane, pool } = this.#gateway;
    this.#requestId = requestId;
    const { state } = asked.pool;
    this.#options.answers.picked({ lane, pool, requestId, state, lease, isMeasured });
  }

  #forgetAnswer(): void {
    const requestId = this.#requestId;
    const lease = this.#lease;
    if (requestId === undefined || lease === undefined) return;
    const { lane, pool } = this.#gateway;
    const isReported = this.#watch?.isReported === true;
    this.#options.answers.over({ lane, pool, requestId, lease }, isReported);
  }

  #chooseDecoded(headers: Headers, body: Uint8Array, coding: Coding): PendingDecision {
    const { decoder, maxBodyBytes, now } = this.#options;
    const startedMs = now();
    return {
      kind: "pending",
      // It may have to wait for its turn besides.
      limitMs: this.#options.maxWaitMs,
      decided: decoder.decode(body, coding).then((decoded) => {
        if (this.#isOver) return gone;
        if (decoded.ok) {
          const made = this.#choose(headers, decoded.body, true, true);
          return made.kind === "pending" ? made.decided : made;
        }
        const { code, message, dropped } = undecoded(decoded.reason, maxBodyBytes);
        return this.#refuse(code, message, startedMs, headers, nothing, dropped);
      }),
    };
  }

  #choose(
    headers: Headers,
    body: Uint8Array | undefined,
    bodyIsComplete: boolean,
    isDecoded: boolean,
  ): Decision | PendingDecision {
    const { pools, mirroring, clientModels, now } = this.#options;
    const { lane, pool: poolName, mirrors } = this.#gateway;
    const startedMs = now();
    const pool = pools.get(poolName);
    if (pool === undefined) {
      const message =
        poolName === ""
          ? "the picker serves several pools, and the gateway names none"
          : "the picker does not know this route's pool yet";
      return this.#refuse("unknown_pool", message, startedMs, headers, nothing, noEndpoints);
    }
    if (lane === "primary" && this.#subset === undefined) {
      const list = modelListReply(pool, this.#path, headers, this.#options.authorization);
      if (list !== undefined) {
        this.#account.decided({ outcome: "model_list", tookMs: now() - startedMs });
        return list;
      }
    }
    const read = bodyIsComplete
      ? readModel(headers, this.#path, body, pool, lane === "shadow")
      : modelOfHeaders(headers, pool);
    if (!read.ok) return this.#refuse(read.code, read.message, startedMs, headers);
    if (lane === "primary" && read.model !== undefined && !isServed(pool, read.model)) {
      const { model } = read;
      return this.#refuse("model_not_found", unknownModel(model), startedMs, headers, { model });
    }
    const session = sessionOf(headers);
    const target =
      lane === "shadow"
        ? shadowTarget(
            mirroring.registry.gateOf(mirrors)?.policy?.rewrite,
            this.#path,
            body,
            read,
            clientModels.of(headers.get("x-request-id") ?? ""),
          )
        : primaryTarget(pool, headers, body, read, session);
    const request = inferenceRequest(pool, {
      model: target.model,
      askedFor: read.model,
      headers,
      body,
      fields: read.fields,
      session,
      subset: this.#subset,
    });
    const asked: Asked = {
      pool,
      headers,
      body,
      isDecoded,
      read,
      model: target.model,
      changedBody: target.body ?? (isDecoded ? body : undefined),
      request,
      bodyBytes: lengthOf(headers, body),
    };
    return lane === "shadow" || pool.queue === undefined
      ? this.#placed(asked, pool.state.pick(request), startedMs, undefined)
      : this.#wait(asked, pool.queue);
  }

  #wait(asked: Asked, queue: FlowQueue): PendingDecision {
    const { now } = this.#options;
    this.#usedQueue = queue;
    this.#leaving = new AbortController();
    return waitForTurn({
      pool: asked.pool,
      queue,
      request: asked.request,
      headers: asked.headers,
      path: this.#path,
      bytes: heldBytes(asked),
      maxWaitMs: this.#options.maxWaitMs,
      now,
      signal: this.#leaving.signal,
      onPicked: (picked) => {
        if (picked.ok) this.#lease = picked.lease;
      },
      // The wait for its turn is no part of a pick's time.
      decide: (picked, waitedMs) => this.#placed(asked, picked, now(), waitedMs),
      refuse: (outcome, reason, waitedMs) => {
        this.#account.decided({ ...knownOf(asked, waitedMs), outcome, reason, tookMs: 0 });
      },
    });
  }

  #placed(
    asked: Asked,
    picked: PickResult,
    sinceMs: number,
    waitedMs: number | undefined,
  ): Decision {
    if (!picked.ok) {
      const refusal = refusals[picked.code];
      const { code, dropped } = refusal;
      const message = refusalMessage(refusal, asked.pool.state.knownLoad());
      const known = { ...knownOf(asked, waitedMs), reason: picked.code };
      return this.#refuse(code, message, sinceMs, asked.headers, known, dropped);
    }
    this.#lease = picked.lease;
    if (this.#isOver) return gone;
    const { endpoint } = picked;
    const twins =
      this.#gateway.lane === "shadow"
        ? this.#isTwin(asked, endpoint)
        : this.#mirrored(asked, endpoint);
    this.#rememberAnswer(asked, picked.lease, twins.isObserved);
    const more = this.#account.decided({
      outcome: "picked",
      reason: undefined,
      tookMs: this.#options.now() - sinceMs,
      waitedMs,
      model: asked.read.model,
      target: asked.model,
      priority: priorityOf(asked.request),
      isStream: asked.read.isStream,
      bodyBytes: asked.bodyBytes,
      endpoint,
      isMeasured: twins.isObserved,
    });
    return routed(this.#gateway.routeTo(picked, asked.pool), twins.headers, more, asked);
  }

  /** Takes down that the request is a copy. */
  #isTwin({ headers, read, model, bodyBytes }: Asked, endpoint: string): Twins {
    const { watch, mirroring } = this.#options;
    const { mirrors } = this.#gateway;
    const requestId = headers.get("x-request-id");
    if (requestId === undefined) return untwinned;
    this.#watchedId = requestId;
    watch.twinPicked(requestId, mirrors, failing(this.#stream));
    this.#isTwinMeasured =
      mirroring.registry.isEvaluated(mirrors) &&
      isMeasured(headers.get(":method") ?? "", this.#path);
    this.#remember(requestId, {
      model,
      isStream: read.isStream,
      endpoint,
      bodyBytes,
      mirrors: [mirrors],
      unmirrored: [],
      session: undefined,
      isObserved: this.#isTwinMeasured,
    });
    return this.#isTwinMeasured ? measuredTwin : untwinned;
  }

  /** Decides on the request's twins: the headers that make Envoy send them, and whether its answer is measured. */
  #mirrored({ pool, headers, body, read, model, bodyBytes }: Asked, endpoint: string): Twins {
    const { mirroring, watch, captures, clientModels } = this.#options;
    const { mirrors } = this.#gateway;
    if (mirrors === "") return untwinned;
    const requestId = headers.get("x-request-id");
    if (requestId === undefined) return untwinned;
    const request: RequestView = {
      requestId,
      method: headers.get(":method") ?? "",
      path: this.#path,
      clientPath: pathOf(headers),
      model: read.model,
      priority: pool.priorityOf(read.model),
      headers,
      body: body ?? noBody,
      fields: read.fields,
    };
    const made = decideMirroring(mirrors, request, mirroring);
    if (made.headers.length > 0 && read.model !== undefined && read.model !== model) {
      clientModels.remember(requestId, read.model);
    }
    if (made.isObserved) {
      this.#remember(requestId, { model, isStream: read.isStream, endpoint, bodyBytes, ...made });
    }
    if (made.isObserved && made.mirrors.length > 0) {
      this.#watchedId = requestId;
      watch.primaryPicked(requestId, made.mirrors);
      if (body !== undefined) captures?.request(requestId, body);
    }
    return made;
  }

  #remember(requestId: string, request: Omit<PickedRequest, "dispatchedAt" | "lease">): void {
    const { memo, now } = this.#options;
    const { lane, mirrors } = this.#gateway;
    memo.remember(memoKey(lane, mirrors, requestId), {
      ...request,
      lease: this.#lease,
      dispatchedAt: now(),
    });
  }

  #refuse(
    code: RequestErrorCode,
    message: string,
    startedMs: number,
    headers: Headers,
    known: Known = nothing,
    dropped?: DroppedReason,
  ): Decision {
    const { now, onTwinRefused } = this.#options;
    const { lane, mirrors, pool } = this.#gateway;
    const requestId = headers.get("x-request-id");
    if (lane === "shadow" && requestId !== undefined) onTwinRefused(requestId, mirrors, pool);
    const tookMs = now() - startedMs;
    this.#account.decided({ ...known, outcome: code, tookMs });
    const path = this.#path;
    return errorReply(code, message, { requestId, path, ...(dropped && { dropped }) });
  }
}

type Twins = Pick<Mirroring, "headers" | "isObserved">;

const untwinned: Twins = { headers: [], isObserved: false };
const measuredTwin: Twins = { headers: [], isObserved: true };
const noBody = new Uint8Array();
const nothing: Known = {};
const noEndpoints = "rejected-no-endpoints";

/** Nobody is there to be told. */
const gone: Decision = { kind: "route", setHeaders: [] };

/** Out here, since it is kept: made elsewhere it would keep the request's body with it. */
function failing(stream: StreamInfo): () => void {
  return () => stream.fail();
}

/** Where the body goes on unread, its coding is the endpoint's affair. */
function isBodyRead(mode: BodyMode): boolean {
  return mode !== "NONE" && mode !== "STREAMED";
}
