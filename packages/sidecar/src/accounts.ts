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
import type { BeginTrace, RequestTrace } from "./traces/request-trace.ts";

/** Accounts of all requests, and of those whose answers are measured. */
export interface Accounts extends RecorderObserver {
  readonly open: OpenAccount;
}

export interface AccountsOptions {
  readonly metrics: SidecarMetrics;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly onPicked: (pool: string, lane: Lane) => void;
  /** Absent: no traces. */
  readonly beginTrace?: BeginTrace | undefined;
  /** Absent: no request is logged. */
  readonly log?: RequestLog | undefined;
}

/** Measured requests whose answer has not ended; the oldest is forgotten. */
const maxMeasured = 8_192;
/** How long a trace waits for the answer's measures when its request is over, in ms. */
const legGraceMs = 2_000;

export function createAccounts(options: AccountsOptions): Accounts {
  const measured = new Map<string, Account>();
  const books: Books = {
    ...options,
    measure(key, account) {
      measured.set(key, account);
      if (measured.size <= maxMeasured) return;
      const oldest = measured.keys().next();
      if (!oldest.done) measured.delete(oldest.value);
    },
  };
  return {
    open: (lane, pool) => new Account(lane, pool, books),
    legEnded(leg) {
      options.metrics.answered(leg);
      const key = keyOf(leg.lane, leg.pool, leg.requestId);
      const account = measured.get(key);
      measured.delete(key);
      account?.answered(leg);
    },
  };
}

interface Books extends AccountsOptions {
  /** Its leg is to be brought to the account. */
  measure(key: string, account: Account): void;
}

function keyOf(lane: Lane, pool: string, requestId: string): string {
  return `${lane} ${pool} ${requestId}`;
}

const none: readonly HeaderEntry[] = [];

/** A class: one is made for each request, and its methods are made once. */
class Account implements RequestAccount {
  readonly #lane: Lane;
  readonly #pool: string;
  readonly #books: Books;
  readonly #startedMs: number;
  #headers: Headers | undefined;
  #trace: RequestTrace | undefined;
  #labels: RequestLabels | undefined;
  #isPicked = false;
  #isLegAwaited = false;
  #outcome: StreamOutcome | undefined;

  constructor(lane: Lane, pool: string, books: Books) {
    this.#lane = lane;
    this.#pool = pool;
    this.#books = books;
    this.#startedMs = books.now();
  }

  arrived(headers: Headers, path: string): void {
    this.#headers = headers;
    this.#trace = this.#books.beginTrace?.(this.#lane, headers, path, this.#startedMs);
  }

  decided(made: MadeDecision): readonly HeaderEntry[] {
    const { metrics, now, onPicked, log } = this.#books;
    const atMs = now();
    metrics.requests.decided(this.#lane, this.#pool, made, atMs - this.#startedMs);
    if (this.#lane === "primary" && metrics.compat !== undefined) {
      this.#labels = metrics.compat.labelsOf(this.#pool, this.#headers, made);
      metrics.compat.decided(this.#labels, this.#pool, made, atMs - this.#startedMs);
    }
    log?.decided(this.#lane, this.#pool, this.#headers, made);
    const more = this.#trace?.decided(made, this.#names(made), atMs) ?? none;
    if (made.outcome === "picked" && made.isMeasured === true) this.#awaitLeg();
    // The request may be open for minutes, and its headers are a view of what the connection has read.
    this.#headers = undefined;
    if (made.outcome !== "picked") return more;
    this.#isPicked = true;
    onPicked(this.#pool, this.#lane);
    // The client went away while the request waited.
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
    if (this.#labels !== undefined) this.#books.metrics.compat?.answered(this.#labels, leg);
    this.#trace?.answered(leg);
    if (this.#outcome !== undefined) this.#endTrace(this.#outcome);
  }

  /** Only where somebody wants to know: the metrics by lane and pool need no account. */
  #awaitLeg(): void {
    const requestId = this.#headers?.get("x-request-id");
    const isWanted = this.#labels !== undefined || this.#trace !== undefined;
    if (requestId === undefined || !isWanted) return;
    this.#isLegAwaited = true;
    this.#books.measure(keyOf(this.#lane, this.#pool, requestId), this);
  }

  #names({ model, target = model }: MadeDecision) {
    const { labels } = this.#books.metrics;
    return {
      pool: labels.pool(this.#pool),
      model: labels.model(this.#pool, model),
      target: labels.model(this.#pool, target),
    };
  }

  #end(outcome: StreamOutcome): void {
    const { metrics, now } = this.#books;
    const tookMs = now() - this.#startedMs;
    metrics.requests.ended(this.#lane, this.#pool, tookMs);
    if (this.#labels !== undefined) metrics.compat?.ended(this.#labels, tookMs);
    if (this.#trace === undefined) return;
    if (this.#isLegAwaited) setTimeout(() => this.#endTrace(outcome), legGraceMs).unref();
    else this.#endTrace(outcome);
  }

  /** Once. */
  #endTrace(outcome: StreamOutcome): void {
    this.#trace?.ended(outcome, this.#books.now());
    this.#trace = undefined;
  }
}
