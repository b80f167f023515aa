import type { HeaderEntry } from "@umbra/envoy-config";
import type {
  BodyMode,
  Decision,
  Headers,
  PendingDecision,
  PickExchange,
  StreamInfo,
} from "@umbra/ext-proc";
import { type Lease, type PickResult, priorityOf, sessionKey } from "@umbra/scheduler";
import type { FlowQueue } from "@umbra/scheduler/flow";
import type { Captures } from "../capture/captures.ts";
import type { RequestView } from "../mirror/request-view.ts";
import { rewriteBody, shadowModel } from "../mirror/rewrite-body.ts";
import type { BodyDecoder } from "../openai/content-coding.ts";
import { type DroppedReason, errorReply, type RequestErrorCode } from "../openai/error-reply.ts";
import { isModelName, type RequestFields } from "../openai/read-request.ts";
import { createAnswerWatch } from "./answer-watch.ts";
import { controlHeader, modelRewriteHeader } from "./control-headers.ts";
import { type Destination, type GatewayProtocol, gatewayStream } from "./gateway-stream.ts";
import { inferenceRequest } from "./inference-request.ts";
import { decideMirroring, isMeasured, type Mirroring, type MirroringOptions } from "./mirroring.ts";
import { memoKey, type PickedRequest, type PickMemo } from "./pick-memo.ts";
import type { PoolRegistry, ServedPool } from "./pool-registry.ts";
import { waitForTurn } from "./queueing.ts";
import {
  lengthOf,
  modelOfHeaders,
  pathOf,
  type ReadModel,
  readModel,
  withModel,
} from "./read-model.ts";
import { refusals, tooLargeMessage, undecoded, unknownCoding } from "./refusals.ts";
import type { MadeDecision, OpenAccount } from "./request-account.ts";
import type { TwinWatch } from "./twin-watch.ts";

export interface PickOptions {
  readonly pools: PoolRegistry;
  readonly gateway: GatewayProtocol;
  readonly memo: PickMemo;
  readonly mirroring: MirroringOptions;
  readonly watch: TwinWatch;
  /** Absent unless text is to be kept. */
  readonly captures: Captures | undefined;
  readonly maxBodyBytes: number;
  readonly decoder: BodyDecoder;
  /** Takes down what happens to each request. */
  readonly openAccount: OpenAccount;
  /** A mirrored copy that no endpoint was found for: it has no answer that an observe stream could see. */
  readonly onTwinRefused: (requestId: string, mirror: string, pool: string) => void;
  /** A twin that has no measures is over. */
  readonly onTwinOver: (requestId: string, mirror: string) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/** Serves one request of Envoy's pick filter: reads it, picks an endpoint, holds it in flight to the end. */
export function pickExchange(stream: StreamInfo, options: PickOptions): PickExchange {
  const gateway = gatewayStream(stream, options.gateway);
  const { lane, pool: poolName, mirrors } = gateway;
  let subset: readonly string[] | undefined;
  let lease: Lease | undefined;
  /** Of a request that has twins, or is one. */
  let watchedId: string | undefined;
  let isTwinMeasured = false;
  let isOver = false;
  /** The queue that the request has waited in. */
  let usedQueue: FlowQueue | undefined;
  let leaving: AbortController | undefined;
  const watch = createAnswerWatch();
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
    dropped?: DroppedReason,
  ): Decision {
    const requestId = headers.get("x-request-id");
    if (lane === "shadow" && requestId !== undefined) {
      options.onTwinRefused(requestId, mirrors, poolName);
    }
    const tookMs = options.now() - startedMs;
    const reply = errorReply(code, message, {
      requestId,
      ...(dropped === undefined ? {} : { dropped }),
    });
    return decided(reply, { ...known, outcome: code, tookMs });
  }

  /** The copy as the shadow is to see it. */
  function rewritten(headers: Headers, body: Uint8Array | undefined, read: ReadModel) {
    const policy = options.mirroring.registry.gateOf(mirrors)?.policy;
    if (policy === undefined) return { model: read.model, body: undefined };
    const name = shadowModel(read.model, policy.rewrite);
    if (read.isForm && body !== undefined && name !== undefined) {
      return { model: name, body: name === read.model ? undefined : withModel(body, read, name) };
    }
    const request = { path: pathOf(headers), model: read.model, isStream: read.isStream };
    return {
      model: name,
      body: body === undefined ? undefined : rewriteBody(body, request, policy.rewrite),
    };
  }

  /** The request with the model's name that the pool's rewrites give it. */
  function renamed(
    pool: ServedPool,
    headers: Headers,
    body: Uint8Array | undefined,
    read: ReadModel,
  ) {
    const { model } = read;
    if (model === undefined || body === undefined) return { model, body: undefined };
    let name = pool.rewrite(
      model,
      sessionKey((header) => headers.get(header)),
    );
    if (name === model) name = controlHeader(headers, modelRewriteHeader) ?? model;
    if (name === model || !isModelName(name)) return { model, body: undefined };
    return { model: name, body: withModel(body, read, name) };
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

  function remember(
    requestId: string,
    request: Omit<PickedRequest, "dispatchedAt" | "lease">,
  ): void {
    options.memo.remember(memoKey(lane, mirrors, requestId), {
      ...request,
      lease,
      dispatchedAt: options.now(),
    });
  }

  /** @param isDecoded the body came compressed, and goes on as it is here */
  function choose(
    headers: Headers,
    body: Uint8Array | undefined,
    bodyIsComplete: boolean,
    isDecoded: boolean,
  ): Decision | PendingDecision {
    const startedMs = options.now();
    const pool = options.pools.get(poolName);
    if (pool === undefined) {
      const message =
        poolName === ""
          ? "the picker serves several pools, and the gateway names none"
          : "the picker does not know this route's pool yet";
      return refuse("unknown_pool", message, startedMs, headers, {}, "rejected-no-endpoints");
    }
    const read = bodyIsComplete ? readModel(headers, body) : modelOfHeaders(headers, pool);
    if (!read.ok) return refuse(read.code, read.message, startedMs, headers);
    if (lane === "primary" && read.model !== undefined && !isServed(pool, read.model)) {
      const message = `the model \`${shown(read.model)}\` does not exist`;
      return refuse("model_not_found", message, startedMs, headers, { model: read.model });
    }
    const changed =
      lane === "shadow" ? rewritten(headers, body, read) : renamed(pool, headers, body, read);
    const { model } = changed;
    const sent = { body: changed.body ?? (isDecoded ? body : undefined), isDecoded };
    const { fields } = read;
    const request = { model, askedFor: read.model, headers, body, fields, subset };
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
        const { code, message, dropped } = refusals[picked.code];
        const known = { ...counted, ...waited, reason: picked.code };
        return refuse(code, message, sinceMs, headers, known, dropped);
      }
      lease = picked.lease;
      if (isOver) return gone;
      const { endpoint } = picked;
      const known = { model, isStream: read.isStream, endpoint, bodyBytes: counted.bodyBytes };
      const destination = gateway.destination(picked, pool);
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
        return went(routed(destination, [], sent), isTwinMeasured);
      }
      const twins = mirrored(headers, body, pool, known, fields);
      return went(routed(destination, twins.headers, sent), twins.isObserved);
    };
    if (lane === "shadow" || pool.queue === undefined) {
      return placed(pool.state.pick(asked), startedMs);
    }
    usedQueue = pool.queue;
    leaving = new AbortController();
    return waitForTurn({
      pool,
      queue: pool.queue,
      request: asked,
      headers,
      bytes: body?.length ?? 0,
      now: options.now,
      signal: leaving.signal,
      onPicked(picked) {
        if (picked.ok) lease = picked.lease;
      },
      decide: (picked, waitedMs) => placed(picked, options.now(), waitedMs),
      refuse(outcome, reason, waitedMs) {
        account.decided({ ...counted, outcome, reason, tookMs: 0, waitedMs });
      },
    });
  }

  return {
    unsaidMode: gateway.unsaidMode,
    mayOverrideMode: gateway.mayOverrideMode,

    onHeaders(headers, info) {
      account.arrived(headers);
      subset = gateway.subset(info);
      const startedMs = options.now();
      const declared = Number(headers.get("content-length") ?? 0);
      if (declared > options.maxBodyBytes) {
        const message = tooLargeMessage(options.maxBodyBytes);
        return refuse("request_too_large", message, startedMs, headers);
      }
      const coding = options.decoder.codingOf(headers.get("content-encoding"));
      if (coding === "unknown" && !info.endOfStream && isBodyRead(info.bodyMode)) {
        return refuse("unsupported_content_encoding", unknownCoding, startedMs, headers);
      }
      return undefined;
    },

    decide(headers, body, { bodyIsComplete }) {
      const coding = options.decoder.codingOf(headers.get("content-encoding"));
      if (body === undefined || !bodyIsComplete || coding === "identity" || coding === "unknown") {
        return choose(headers, body, bodyIsComplete, false);
      }
      const startedMs = options.now();
      return {
        kind: "pending",
        limitMs: longestDecodingMs,
        decided: options.decoder.decode(body, coding).then((decoded) => {
          if (isOver) return gone;
          if (decoded.ok) {
            const made = choose(headers, decoded.body, true, true);
            return made.kind === "pending" ? made.decided : made;
          }
          const { code, message, dropped } = undecoded(decoded.reason, options.maxBodyBytes);
          return refuse(code, message, startedMs, headers, {}, dropped);
        }),
      };
    },

    onResponseHeaders(answer, info) {
      if (lease !== undefined) watch.headers(lease, answer, gateway.served(info), info.endOfStream);
    },

    onResponseBody(chunk, endOfStream) {
      if (lease !== undefined) watch.body(lease, chunk.length, endOfStream);
    },

    onResponseTrailers() {
      if (lease !== undefined) watch.body(lease, 0, true);
    },

    onEnd(outcome) {
      isOver = true;
      account.ended(outcome);
      leaving?.abort();
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

/** Bodies wait for their turn to be decoded, in ms. */
const longestDecodingMs = 30_000;

/** Where the body goes on unread, its coding is the endpoint's affair. */
function isBodyRead(mode: BodyMode): boolean {
  return mode !== "NONE" && mode !== "STREAMED";
}

/** Nobody is there to be told. */
const gone: Decision = { kind: "route", setHeaders: [] };

function routed(
  { header, dynamicMetadata }: Destination,
  more: readonly HeaderEntry[],
  { body, isDecoded }: { readonly body: Uint8Array | undefined; readonly isDecoded: boolean },
): Decision {
  const setHeaders = [header, ...more];
  if (body === undefined && dynamicMetadata === undefined) return { kind: "route", setHeaders };
  // Envoy refuses a body that is not as long as its headers say.
  if (body !== undefined) setHeaders.push({ name: "content-length", value: String(body.length) });
  return {
    kind: "route",
    setHeaders,
    ...(isDecoded ? { removeHeaders: ["content-encoding"] } : {}),
    ...(body === undefined ? {} : { body }),
    ...(dynamicMetadata === undefined ? {} : { dynamicMetadata }),
  };
}

const noBody = new Uint8Array();
const unmirrored = { headers: [], isObserved: false };

function isServed(pool: ServedPool, model: string): boolean {
  return pool.listedModels.size === 0 || pool.listedModels.has(model) || pool.served.has(model);
}

/** At most 64 characters of a client's text. */
function shown(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}
