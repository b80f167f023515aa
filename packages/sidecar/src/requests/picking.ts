import type { HeaderEntry } from "@umbra/envoy-config";
import type {
  BodyMode,
  Decision,
  Headers,
  HeadersInfo,
  PendingDecision,
  PickExchange,
  ResponseInfo,
  StreamOutcome,
} from "@umbra/ext-proc";
import type { ReadRequest } from "@umbra/openai";
import type { Coding } from "@umbra/openai/decode";
import { type Lease, type PickResult, priorityOf } from "@umbra/scheduler";
import { errorReply } from "../decision/error-reply.ts";
import {
  type Refusal,
  refusalMessage,
  refusals,
  requestErrors,
  tooLarge,
  tooManyBodies,
  undecoded,
  unknownCoding,
  unknownModel,
  unknownPool,
  unknownUnderscore,
  unnamedPool,
  unsupportedTrailers,
} from "../decision/refusals.ts";
import type { Lane, RequestAccount } from "../decision/request-account.ts";
import type { ServedPool } from "../pools/served-pool.ts";
import { type AnswerWatch, createAnswerWatch } from "./answer-watch.ts";
import type { GatewayStream } from "./gateway-stream.ts";
import { inferenceRequest, sessionOf } from "./inference-request.ts";
import type { LiveLeg } from "./live-request.ts";
import {
  type DecisionFacts,
  decisionFacts,
  type ParsedRequest,
  routeDecision,
} from "./parsed-request.ts";
import type { PickOptions } from "./pick-options.ts";
import { lengthOf, modelOfHeaders, pathOf, readModel } from "./read-model.ts";
import type { Target } from "./target-model.ts";
import { hasUnknownUnderscore } from "./unknown-underscore.ts";

/** No headers for twins. */
export const noHeaders: readonly HeaderEntry[] = [];

/** How the body arrived from the filter; `decoded`: it was compressed. */
type BodyKind = "part" | "whole" | "decoded";

/** A request whose headers and body have been read, before its target model is known. */
export interface RequestParts {
  readonly pool: ServedPool;
  readonly headers: Headers;
  readonly body: Uint8Array | undefined;
  readonly read: ReadRequest;
  readonly session: string | undefined;
}

/**
 * Handles one request of Envoy's pick filter: reads it, picks an endpoint, and counts it as in flight until its end. A
 * class, because one is created per request and its methods should be created only once.
 */
export abstract class Picking implements PickExchange {
  protected readonly options: PickOptions;
  protected readonly gateway: GatewayStream;
  protected readonly account: RequestAccount;
  /** Undefined if it is unknown. Found once: it stays until this stream has ended. */
  readonly #pool: ServedPool | undefined;
  /** The endpoint's path, without the query. */
  protected path = "";
  protected subset: readonly string[] | undefined = undefined;
  protected lease: Lease | undefined = undefined;
  protected isOver = false;
  #watch: AnswerWatch | undefined = undefined;

  /** Undefined before the pick, and if the request is not tracked. */
  protected abstract readonly live: LiveLeg | undefined;

  constructor(gateway: GatewayStream, lane: Lane, options: PickOptions) {
    this.options = options;
    this.gateway = gateway;
    this.account = options.openAccount(lane, gateway.pool);
    this.#pool = options.pools.get(gateway.pool);
    this.#pool?.enter();
  }

  /** Returns Umbra's own answer; undefined if an endpoint should answer. */
  protected replyOf(
    _pool: ServedPool,
    _headers: Headers,
    _startedMs: number,
  ): Decision | undefined {
    return undefined;
  }

  /** Refuses a model that the pool does not serve. */
  protected refusalOf(_parts: RequestParts, _startedMs: number): Decision | undefined {
    return undefined;
  }

  /** True for a twin: without a model, it is sent unchanged and the shadow's own model serves it. */
  protected abstract readonly needsNoModel: boolean;
  protected abstract targetOf(parts: RequestParts): Target;
  /** Picks an endpoint, immediately or after waiting in the queue. */
  protected abstract pickEndpoint(
    request: ParsedRequest,
    startedMs: number,
  ): Decision | PendingDecision;
  /** Called after a pick: sets `live` and returns the headers that make Envoy send twins. */
  protected abstract afterPick(request: ParsedRequest, endpoint: string): readonly HeaderEntry[];
  /** Called after a refusal. */
  protected refused(_headers: Headers): void {}
  /** Called when the stream ended and the lease was released. */
  protected abstract over(): void;

  get defaultBodyMode(): BodyMode {
    return this.gateway.defaultBodyMode;
  }

  get mayOverrideMode(): boolean {
    return this.gateway.mayOverrideMode;
  }

  onHeaders(headers: Headers, info: HeadersInfo): Decision | undefined {
    const { maxBodyBytes, decoder, now } = this.options;
    this.path = this.gateway.backendPath(pathOf(headers));
    this.account.arrived(headers, this.path);
    if (hasUnknownUnderscore(headers, this.gateway.knownUnderscores)) {
      return this.refuse(unknownUnderscore, headers, now());
    }
    this.subset = this.gateway.subset(info);
    const length = headers.get("content-length");
    if (length !== undefined && isBodyRead(info.bodyMode) && Number(length) > maxBodyBytes) {
      return this.refuse(tooLarge(maxBodyBytes), headers, now());
    }
    const encoding = headers.get("content-encoding");
    if (encoding === undefined || info.endOfStream || !isBodyRead(info.bodyMode)) return undefined;
    return decoder.codingOf(encoding) === "unknown"
      ? this.refuse(unknownCoding, headers, now())
      : undefined;
  }

  onTooLarge(headers: Headers): Decision {
    const { maxBodyBytes, now } = this.options;
    return this.refuse(tooLarge(maxBodyBytes), headers, now());
  }

  onTooBusy(headers: Headers): Decision {
    return this.refuse(tooManyBodies, headers, this.options.now());
  }

  onTrailers(headers: Headers): Decision | undefined {
    return this.gateway.duplicatesBodiesWithTrailers
      ? this.refuse(unsupportedTrailers, headers, this.options.now())
      : undefined;
  }

  decide(
    headers: Headers,
    body: Uint8Array | undefined,
    { bodyIsComplete }: { readonly bodyIsComplete: boolean },
  ): Decision | PendingDecision {
    const coding = this.options.decoder.codingOf(headers.get("content-encoding"));
    if (body === undefined || !bodyIsComplete || coding === "identity" || coding === "unknown") {
      return this.#choose(headers, body, bodyIsComplete ? "whole" : "part");
    }
    return this.#chooseDecoded(headers, body, coding);
  }

  onResponseHeaders(answer: Headers, info: ResponseInfo): void {
    if (this.lease === undefined) return;
    this.#watch ??= createAnswerWatch();
    this.#watch.headers(this.lease, {
      headers: answer,
      served: this.gateway.served(info),
      details: info.attributes.get("response.code_details"),
      isEnd: info.endOfStream,
    });
    if (answer.get(":status") !== "404") return;
    this.#pool?.served.markDoubtful(this.lease.endpoint);
  }

  onResponseBody(chunk: Uint8Array, endOfStream: boolean): void {
    if (this.lease !== undefined) this.#watch?.body(this.lease, chunk.length, endOfStream);
  }

  onResponseTrailers(): void {
    if (this.lease !== undefined) this.#watch?.body(this.lease, 0, true);
  }

  onEnd(outcome: StreamOutcome): void {
    this.isOver = true;
    if (this.lease !== undefined) {
      this.#watch?.over(this.lease);
      this.lease.release();
    }
    try {
      this.account.ended(outcome);
    } finally {
      this.#liveOver();
    }
  }

  #liveOver(): void {
    if (this.live !== undefined) {
      this.live.isOver = true;
      if (this.#watch?.isReported === true) this.live.isReported = true;
    }
    try {
      this.over();
    } finally {
      this.#pool?.leave();
    }
  }

  #chooseDecoded(headers: Headers, body: Uint8Array, coding: Coding): PendingDecision {
    const { decoder, maxBodyBytes, now } = this.options;
    const startedMs = now();
    return {
      kind: "pending",
      // The request may also have to wait in the queue.
      limitMs: this.options.maxWaitMs,
      decided: decoder.decode(body, coding).then((decoded) => {
        if (this.isOver) return clientGoneDecision;
        if (decoded.ok) {
          const made = this.#choose(headers, decoded.body, "decoded");
          return made.kind === "pending" ? made.decided : made;
        }
        return this.refuse(undecoded(decoded.reason, maxBodyBytes), headers, startedMs);
      }),
    };
  }

  #choose(
    headers: Headers,
    body: Uint8Array | undefined,
    kind: BodyKind,
  ): Decision | PendingDecision {
    const startedMs = this.options.now();
    const pool = this.#pool;
    if (pool === undefined) {
      return this.refuse(this.gateway.pool === "" ? unnamedPool : unknownPool, headers, startedMs);
    }
    const reply = this.replyOf(pool, headers, startedMs);
    if (reply !== undefined) return reply;
    const read =
      kind === "part"
        ? modelOfHeaders(headers, pool)
        : readModel(headers, this.path, body, pool, this.needsNoModel);
    if (!read.ok) return this.refuse(read, headers, startedMs);
    const session = sessionOf(headers);
    const parts: RequestParts = { pool, headers, body, read, session };
    const refusal = this.refusalOf(parts, startedMs);
    if (refusal !== undefined) return refusal;
    const target = this.targetOf(parts);
    if (target.unserved !== undefined) {
      const facts = { model: read.model };
      return this.refuse(unknownModel(target.unserved), headers, startedMs, facts);
    }
    const inference = inferenceRequest(pool, {
      model: target.model,
      askedFor: read.model,
      headers,
      body,
      fields: read.fields,
      session,
      subset: this.subset,
    });
    const request: ParsedRequest = {
      pool,
      headers,
      body,
      isDecoded: kind === "decoded",
      read,
      model: target.model,
      changedBody: target.body ?? (kind === "decoded" ? body : undefined),
      inference,
      bodyBytes: lengthOf(headers, body),
    };
    return this.pickEndpoint(request, startedMs);
  }

  protected finishPick(
    request: ParsedRequest,
    picked: PickResult,
    sinceMs: number,
    waitedMs: number | undefined,
  ): Decision {
    if (!picked.ok) {
      const refusal = refusals[picked.code];
      const message = refusalMessage(refusal, request.pool.state.knownLoad());
      const facts = { ...decisionFacts(request, waitedMs), reason: picked.code };
      return this.refuse({ ...refusal, message }, request.headers, sinceMs, facts);
    }
    this.lease = picked.lease;
    if (this.isOver) return clientGoneDecision;
    const { endpoint } = picked;
    const twins = this.afterPick(request, endpoint);
    if (this.live !== undefined) {
      this.live.pool = request.pool.state;
      this.live.lease = picked.lease;
    }
    const more = this.account.decided({
      outcome: "picked",
      reason: undefined,
      tookMs: this.options.now() - sinceMs,
      waitedMs,
      model: request.read.model,
      target: request.model,
      priority: priorityOf(request.inference),
      isStream: request.read.isStream,
      bodyBytes: request.bodyBytes,
      endpoint,
      isMeasured: this.live?.measured !== undefined,
    });
    return routeDecision(this.gateway.routeTo(picked, request.pool), twins, more, request);
  }

  protected refuse(
    { code, message = requestErrors[code].message, dropped }: Refusal,
    headers: Headers,
    startedMs: number,
    facts: DecisionFacts = noFacts,
  ): Decision {
    const requestId = headers.get("x-request-id");
    this.refused(headers);
    const tookMs = this.options.now() - startedMs;
    this.account.decided({ ...facts, outcome: code, tookMs });
    return errorReply(code, message, { requestId, path: this.path, dropped });
  }
}

const noFacts: DecisionFacts = {};

/** The decision for a client that disconnected. */
const clientGoneDecision: Decision = { kind: "route", setHeaders: [] };

/** If the body is forwarded unread, the endpoint handles its encoding. */
function isBodyRead(mode: BodyMode): boolean {
  return mode !== "NONE" && mode !== "STREAMED";
}
