import type { HeaderEntry } from "@umbra/envoy-config";
import type { Decision, Headers, PendingDecision } from "@umbra/ext-proc";
import type { FlowQueue } from "@umbra/scheduler/flow";
import { comparedBody } from "../answers/compared-body.ts";
import type { ComparedReading } from "../answers/compared-reading.ts";
import { unknownModel } from "../decision/refusals.ts";
import { wantsNoJudge } from "../judge-model/no-judge.ts";
import type { RequestView } from "../mirror/request-view.ts";
import type { ServedPool } from "../pools/served-pool.ts";
import type { GatewayStream } from "./gateway-stream.ts";
import { type LiveRequest, MeasuredLeg } from "./live-request.ts";
import { decideMirroring, type Mirroring, notMirrored } from "./mirroring.ts";
import { modelListReply } from "./model-list-reply.ts";
import { decisionFacts, heldBytes, type ParsedRequest } from "./parsed-request.ts";
import type { PickOptions } from "./pick-options.ts";
import { noHeaders, Picking, type RequestParts } from "./picking.ts";
import { waitForTurn } from "./queueing.ts";
import { isServed, pathOf } from "./read-model.ts";
import { kindOf } from "./request-kind.ts";
import { primaryTarget, type Target } from "./target-model.ts";

/** The pick of a client's request. */
export class PrimaryPick extends Picking {
  protected readonly needsNoModel = false;
  protected live: LiveRequest | undefined = undefined;
  /** The queue in which the request waited. */
  #usedQueue: FlowQueue | undefined = undefined;
  #leaving: AbortController | undefined = undefined;

  constructor(gateway: GatewayStream, options: PickOptions) {
    super(gateway, "primary", options);
  }

  protected override replyOf(
    pool: ServedPool,
    headers: Headers,
    startedMs: number,
  ): Decision | undefined {
    if (this.subset !== undefined) return undefined;
    const { authorization, now } = this.options;
    const list = modelListReply(pool, this.path, headers, authorization);
    if (list !== undefined) {
      this.account.decided({ outcome: "model_list", tookMs: now() - startedMs });
    }
    return list;
  }

  protected override refusalOf(
    { pool, headers, read: { model } }: RequestParts,
    startedMs: number,
  ): Decision | undefined {
    if (model === undefined || isServed(pool, model)) return undefined;
    return this.refuse(unknownModel(model), headers, startedMs, { model });
  }

  protected targetOf({ pool, headers, body, read, session }: RequestParts): Target {
    return primaryTarget(pool, headers, body, read, session);
  }

  protected pickEndpoint(request: ParsedRequest, startedMs: number): Decision | PendingDecision {
    const { queue, state } = request.pool;
    return queue === undefined
      ? this.finishPick(request, state.pick(request.inference), startedMs, undefined)
      : this.#wait(request, queue);
  }

  /** Decides about twins, and whether the answer is measured. */
  protected afterPick(request: ParsedRequest, endpoint: string): readonly HeaderEntry[] {
    const { mirroring, live, captures } = this.options;
    const { mirrors: names } = this.gateway;
    if (names === "" && !live.awaitsLog) return noHeaders;
    const requestId = request.headers.get("x-request-id");
    if (requestId === undefined) return noHeaders;
    const made =
      names === ""
        ? notMirrored
        : decideMirroring(names, this.#viewOf(request, requestId), mirroring);
    const { headers, twins, isMeasured } = made;
    if (twins.length === 0 && !isMeasured && !live.awaitsLog) return noHeaders;
    this.live = live.begin(requestId, twins);
    if (this.live === undefined) {
      this.#giveUp(request, requestId, made);
      return headers;
    }
    if (request.read.model !== request.model) this.live.clientModel = request.read.model;
    if (!isMeasured) return headers;
    this.live.measured = this.#measured(request, endpoint, made);
    if (made.mirrors.length > 0 && request.body !== undefined) {
      this.live.texts = captures?.hold(request.body);
      this.live.compared = this.#compare(request.body, request, made);
    }
    return headers;
  }

  protected over(): void {
    this.#leaving?.abort();
    this.#usedQueue?.poke();
    if (this.live !== undefined) this.options.live.primaryOver(this.live);
  }

  #compare(
    body: Uint8Array,
    { read, headers }: ParsedRequest,
    { compared: mirrors, comparison: settings, isJudged }: Mirroring,
  ): ComparedReading | undefined {
    if (settings === undefined) return undefined;
    const optsOut = settings.judged !== undefined && wantsNoJudge(headers);
    const isUnasked = settings.judged !== undefined && !isJudged;
    return this.options.compare({
      ...{ mirrors, settings, optsOut, isUnasked },
      body: () => comparedBody(body, read.fields),
    });
  }

  #measured(
    request: ParsedRequest,
    endpoint: string,
    { mirrors, unmirrored, session }: Mirroring,
  ): MeasuredLeg {
    const { read, model, bodyBytes } = request;
    const dispatchedAt = this.options.now();
    const sent = { model, stream: read.isStream, promptBytes: bodyBytes, endpoint, dispatchedAt };
    const kind = kindOf(request, this.path);
    return new MeasuredLeg(this.account, { ...sent, mirrors, unmirrored, session, kind });
  }

  /** There is no room to track the request, so its twins will not be reported. */
  #giveUp({ bodyBytes }: ParsedRequest, requestId: string, made: Mirroring): void {
    const { registry, onDropped } = this.options.mirroring;
    for (const mirror of made.twins) registry.gateOf(mirror)?.finished(requestId);
    for (const each of made.isMeasured ? made.unmirrored : []) {
      if (each.drop !== undefined) onDropped(requestId, bodyBytes, each);
    }
  }

  #viewOf({ pool, headers, body, read }: ParsedRequest, requestId: string): RequestView {
    return {
      requestId,
      method: headers.get(":method") ?? "",
      path: this.path,
      clientPath: pathOf(headers),
      model: read.model,
      priority: pool.priorityOf(read.model),
      headers,
      body: body ?? noBody,
      fields: read.fields,
    };
  }

  #wait(request: ParsedRequest, queue: FlowQueue): PendingDecision {
    const { now, maxWaitMs } = this.options;
    this.#usedQueue = queue;
    this.#leaving = new AbortController();
    return waitForTurn({
      pool: request.pool,
      queue,
      request: request.inference,
      headers: request.headers,
      path: this.path,
      bytes: heldBytes(request),
      maxWaitMs,
      now,
      signal: this.#leaving.signal,
      onPicked: (picked) => {
        if (picked.ok) this.lease = picked.lease;
      },
      // The time in the queue is not part of the pick's duration.
      decide: (picked, waitedMs) => this.finishPick(request, picked, now(), waitedMs),
      refuse: (outcome, reason, waitedMs) => {
        this.account.decided({ ...decisionFacts(request, waitedMs), outcome, reason, tookMs: 0 });
      },
    });
  }
}

const noBody = new Uint8Array();
