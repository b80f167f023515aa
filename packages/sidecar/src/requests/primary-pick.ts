import type { Decision, Headers, PendingDecision } from "@umbra/ext-proc";
import type { FlowQueue } from "@umbra/scheduler/flow";
import { unknownModel } from "../decision/refusals.ts";
import type { RequestView } from "../mirror/request-view.ts";
import type { ServedPool } from "../pools/pool-registry.ts";
import type { GatewayStream } from "./gateway-stream.ts";
import { type LiveRequest, MeasuredLeg } from "./live-request.ts";
import { decideMirroring } from "./mirroring.ts";
import { modelListReply } from "./model-list-reply.ts";
import { decisionFacts, heldBytes, type ParsedRequest } from "./parsed-request.ts";
import type { PickOptions } from "./pick-options.ts";
import { type FollowUp, Picking, type RequestParts, unmeasured } from "./picking.ts";
import { waitForTurn } from "./queueing.ts";
import { isServed, pathOf } from "./read-model.ts";
import { primaryTarget, type Target } from "./target-model.ts";

/** The pick of a request that a client waits for. */
export class PrimaryPick extends Picking {
  protected readonly lane = "primary";
  protected readonly needsNoModel = false;
  /** Of a request that has twins or is measured. */
  #live: LiveRequest | undefined = undefined;
  /** The queue that the request has waited in. */
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

  /** Decides on the request's twins, and whether its answer is measured. */
  protected afterPick(request: ParsedRequest, endpoint: string): FollowUp {
    const { headers, read, model, bodyBytes, body } = request;
    const { mirroring, live, captures, now } = this.options;
    const { mirrors: names } = this.gateway;
    const requestId = headers.get("x-request-id");
    if (names === "" || requestId === undefined) return unmeasured;
    const { twins, isObserved, ...made } = decideMirroring(
      names,
      this.#viewOf(request, requestId),
      mirroring,
    );
    if (twins.length === 0 && !isObserved) return unmeasured;
    this.#live = live.begin(requestId, twins);
    if (this.#live === undefined) {
      for (const mirror of twins) mirroring.registry.gateOf(mirror)?.finished();
      for (const each of made.unmirrored) {
        if (each.drop !== undefined) mirroring.onDropped(requestId, bodyBytes, each);
      }
      return { headers: made.headers, isObserved: false };
    }
    if (read.model !== model) this.#live.clientModel = read.model;
    if (isObserved) {
      this.#live.measured = new MeasuredLeg(this.account, {
        model,
        isStream: read.isStream,
        endpoint,
        lease: this.lease,
        dispatchedAt: now(),
        bodyBytes,
        mirrors: made.mirrors,
        unmirrored: made.unmirrored,
        session: made.session,
      });
      if (made.mirrors.length > 0 && body !== undefined) this.#live.texts = captures?.hold(body);
    }
    return { headers: made.headers, isObserved };
  }

  protected over(): void {
    this.#leaving?.abort();
    this.#usedQueue?.poke();
    if (this.#live !== undefined) this.options.live.primaryOver(this.#live);
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
      // The wait for its turn is no part of a pick's time.
      decide: (picked, waitedMs) => this.finishPick(request, picked, now(), waitedMs),
      refuse: (outcome, reason, waitedMs) => {
        this.account.decided({ ...decisionFacts(request, waitedMs), outcome, reason, tookMs: 0 });
      },
    });
  }
}

const noBody = new Uint8Array();
