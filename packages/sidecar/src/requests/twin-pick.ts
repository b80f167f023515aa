import type { HeaderEntry } from "@umbra/envoy-config";
import type { Decision, Headers, StreamInfo } from "@umbra/ext-proc";
import { unknownMirror } from "../decision/refusals.ts";
import type { GatedMirror } from "../mirror/mirror-registry.ts";
import type { GatewayStream } from "./gateway-stream.ts";
import { type LiveRequest, type LiveTwin, MeasuredLeg } from "./live-request.ts";
import { isMeasurable } from "./mirroring.ts";
import type { ParsedRequest } from "./parsed-request.ts";
import type { PickOptions } from "./pick-options.ts";
import { noHeaders, Picking, type RequestParts } from "./picking.ts";
import { shadowTarget, type Target } from "./target-model.ts";

/** The pick of a twin, whose answer is discarded. It never waits in a queue. */
export class TwinPick extends Picking {
  protected readonly needsNoModel = true;
  readonly #stream: StreamInfo;
  readonly #mirror: string;
  #gated: GatedMirror | undefined = undefined;
  /** Its primary, which expects it. */
  #expecting: LiveRequest | undefined = undefined;
  protected live: LiveTwin | undefined = undefined;

  constructor(stream: StreamInfo, gateway: GatewayStream, options: PickOptions) {
    super(gateway, "shadow", options);
    this.#stream = stream;
    this.#mirror = gateway.mirrors;
  }

  /** Without its mirror, a twin would be sent unchanged. An older Envoy may name one that is gone or has another pool. */
  protected override refusalOf({ headers }: RequestParts, startedMs: number): Decision | undefined {
    const { live, mirroring } = this.options;
    this.#expecting = live.expecting(headers.get("x-request-id") ?? "", this.#mirror);
    const twin = this.#expecting?.twinIn(this.#mirror);
    this.#gated = twin?.gated ?? mirroring.registry.get(this.#mirror);
    if (this.#gated?.mirror.pool === this.gateway.pool) return undefined;
    return this.refuse(unknownMirror, headers, startedMs);
  }

  protected targetOf({ headers, body, read }: RequestParts): Target {
    const requestId = headers.get("x-request-id") ?? "";
    const clientModel = this.#expecting?.clientModel;
    return shadowTarget(this.#gated?.mirror, body, read, {
      ...{ requestId, path: this.path, clientModel },
    });
  }

  protected pickEndpoint(request: ParsedRequest, startedMs: number): Decision {
    const { pool, inference } = request;
    return this.finishPick(request, pool.state.pick(inference), startedMs, undefined);
  }

  protected afterPick(
    { headers, read, model, bodyBytes }: ParsedRequest,
    endpoint: string,
  ): readonly HeaderEntry[] {
    const { live, now } = this.options;
    const requestId = headers.get("x-request-id");
    if (requestId === undefined) return noHeaders;
    this.live = live.beginTwin(requestId, this.#mirror, failing(this.#stream));
    const isMeasured =
      this.#gated?.isEvaluated === true && isMeasurable(headers.get(":method") ?? "", this.path);
    if (this.live === undefined || !isMeasured) return noHeaders;
    this.live.measured = new MeasuredLeg(this.account, {
      model,
      stream: read.isStream,
      promptBytes: bodyBytes,
      endpoint,
      dispatchedAt: now(),
      mirrors: [this.#mirror],
    });
    return noHeaders;
  }

  protected override refused(headers: Headers): void {
    const requestId = headers.get("x-request-id");
    if (requestId === undefined) return;
    const { live, onTwinRefused } = this.options;
    const twin = live.beginTwin(requestId, this.#mirror);
    if (twin === undefined) return;
    try {
      onTwinRefused(twin, this.gateway.pool);
    } finally {
      live.streamOver(twin.request);
    }
  }

  protected over(): void {
    const { live, mirroring } = this.options;
    if (this.live === undefined) return;
    this.live.fail = undefined;
    if (this.live.measured === undefined) mirroring.registry.finished(this.live);
    live.streamOver(this.live.request);
  }
}

/** Defined at module level, because a closure would keep the request's body alive. */
function failing(stream: StreamInfo): () => void {
  return () => stream.fail();
}
