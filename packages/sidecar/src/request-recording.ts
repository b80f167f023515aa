import type { HeaderEntry } from "@umbra/envoy-config";
import type { Headers, StreamOutcome } from "@umbra/ext-proc";
import type { Leg, RecorderObserver } from "@umbra/shadow";
import type {
  Lane,
  MadeDecision,
  OpenAccount,
  RequestAccount,
} from "./decision/request-account.ts";
import type { RequestLabels } from "./metrics/compat-metrics.ts";
import type { SidecarMetrics } from "./metrics/sidecar-metrics.ts";
import type { RequestLog } from "./request-log.ts";
import type { LiveRequest } from "./requests/live-request.ts";
import type { BeginTrace, RequestTrace } from "./traces/request-trace.ts";

/** Tracks all requests, including those whose answers are measured. */
export interface RequestRecording extends RecorderObserver<LiveRequest> {
  readonly open: OpenAccount;
}

export interface RequestRecordingOptions {
  readonly metrics: SidecarMetrics;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly onPicked: (pool: string, lane: Lane) => void;
  /** Absent: no traces. */
  readonly beginTrace?: BeginTrace | undefined;
  /** Absent: no request is logged. */
  readonly log?: RequestLog | undefined;
}

/** How long a trace waits for the answer's measurements after its request ended, in ms. */
const legGraceMs = 2_000;

export function createRequestRecording(options: RequestRecordingOptions): RequestRecording {
  return {
    open: (lane, pool) => new Account(lane, pool, options),
    legEnded(leg, mirror, request) {
      options.metrics.answered(leg);
      request.legOf(mirror)?.measured?.account.answered(leg);
    },
  };
}

const none: readonly HeaderEntry[] = [];

/** A class, because one is created per request and its methods should be created only once. */
class Account implements RequestAccount {
  readonly #lane: Lane;
  readonly #pool: string;
  readonly #options: RequestRecordingOptions;
  readonly #startedMs: number;
  #headers: Headers | undefined;
  #trace: RequestTrace | undefined;
  #labels: RequestLabels | undefined;
  #isPicked = false;
  #isLegAwaited = false;
  #outcome: StreamOutcome | undefined;

  constructor(lane: Lane, pool: string, options: RequestRecordingOptions) {
    this.#lane = lane;
    this.#pool = pool;
    this.#options = options;
    this.#startedMs = options.now();
  }

  arrived(headers: Headers, path: string): void {
    this.#headers = headers;
    this.#trace = this.#options.beginTrace?.(this.#lane, headers, path, this.#startedMs);
  }

  decided(made: MadeDecision): readonly HeaderEntry[] {
    const { metrics, now, onPicked, log } = this.#options;
    const atMs = now();
    metrics.requests.decided(this.#lane, this.#pool, made, atMs - this.#startedMs);
    if (this.#lane === "primary" && metrics.compat !== undefined) {
      this.#labels = metrics.compat.labelsOf(this.#pool, this.#headers, made);
      metrics.compat.decided(this.#labels, this.#pool, made, atMs - this.#startedMs);
    }
    log?.decided(this.#lane, this.#pool, this.#headers, made);
    const more = this.#trace?.decided(made, this.#names(made), atMs) ?? none;
    this.#isLegAwaited = made.isMeasured === true;
    // Release the headers: the request may be open for minutes, and they are a view of the connection's buffer.
    this.#headers = undefined;
    if (made.outcome !== "picked") return more;
    this.#isPicked = true;
    onPicked(this.#pool, this.#lane);
    // The client disconnected while the request waited.
    if (this.#outcome !== undefined) this.#end(this.#outcome);
    return more;
  }

  ended(outcome: StreamOutcome): void {
    this.#outcome = outcome;
    if (this.#isPicked) this.#end(outcome);
    else this.#endTrace(outcome);
  }

  answered(leg: Leg): void {
    this.#isLegAwaited = false;
    if (this.#labels !== undefined) this.#options.metrics.compat?.answered(this.#labels, leg);
    this.#trace?.answered(leg);
    if (this.#outcome !== undefined) this.#endTrace(this.#outcome);
  }

  #names({ model, target = model }: MadeDecision) {
    const { labels } = this.#options.metrics;
    return {
      pool: labels.pool(this.#pool),
      model: labels.model(this.#pool, model),
      target: labels.model(this.#pool, target),
    };
  }

  #end(outcome: StreamOutcome): void {
    const { metrics, now } = this.#options;
    const tookMs = now() - this.#startedMs;
    metrics.requests.ended(this.#lane, this.#pool, tookMs);
    if (this.#labels !== undefined) metrics.compat?.ended(this.#labels, tookMs);
    if (this.#trace === undefined) return;
    if (this.#isLegAwaited) setTimeout(() => this.#endTrace(outcome), legGraceMs).unref();
    else this.#endTrace(outcome);
  }

  /** Ends the trace, once. */
  #endTrace(outcome: StreamOutcome): void {
    this.#trace?.ended(outcome, this.#options.now());
    this.#trace = undefined;
  }
}
