import type { HeaderEntry } from "@umbra/envoy-config";
import type { Headers, StreamOutcome } from "@umbra/ext-proc";
import type { Leg } from "@umbra/shadow";
import type {
  Lane,
  MadeDecision,
  OpenAccount,
  RequestAccount,
} from "./exchange/request-account.ts";
import type { RequestLabels } from "./metrics/compat-metrics.ts";
import type { SidecarMetrics } from "./metrics/sidecar-metrics.ts";

/** Accounts of all requests, and of those whose answers are measured. */
export interface Accounts {
  readonly open: OpenAccount;
  /** The answer of a request was measured. */
  answered(leg: Leg): void;
}

export interface AccountsOptions {
  readonly metrics: SidecarMetrics;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly onPicked: (pool: string, lane: Lane) => void;
}

/** Measured requests whose answer has not ended; the oldest is forgotten. */
const maxMeasured = 8_192;

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
    answered(leg) {
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
  #isPicked = false;
  #isOver = false;
  #labels: RequestLabels | undefined;

  constructor(lane: Lane, pool: string, books: Books) {
    this.#lane = lane;
    this.#pool = pool;
    this.#books = books;
    this.#startedMs = books.now();
  }

  arrived(headers: Headers): void {
    this.#headers = headers;
  }

  decided(made: MadeDecision): readonly HeaderEntry[] {
    const { metrics, now, onPicked, measure } = this.#books;
    const sinceMs = now() - this.#startedMs;
    metrics.requests.decided(this.#lane, this.#pool, made, sinceMs);
    if (this.#lane === "primary" && metrics.compat !== undefined) {
      this.#labels = metrics.compat.labelsOf(this.#pool, this.#headers, made);
      metrics.compat.decided(this.#labels, this.#pool, made, sinceMs);
    }
    if (made.outcome !== "picked") return none;
    this.#isPicked = true;
    onPicked(this.#pool, this.#lane);
    if (made.isMeasured === true && this.#labels !== undefined) {
      const requestId = this.#headers?.get("x-request-id");
      if (requestId !== undefined) measure(keyOf(this.#lane, this.#pool, requestId), this);
    }
    // The client went away while the request waited.
    if (this.#isOver) this.#end();
    return none;
  }

  ended(_outcome: StreamOutcome): void {
    this.#isOver = true;
    if (this.#isPicked) this.#end();
  }

  answered(leg: Leg): void {
    if (this.#labels !== undefined) this.#books.metrics.compat?.answered(this.#labels, leg);
  }

  #end(): void {
    const { metrics, now } = this.#books;
    const tookMs = now() - this.#startedMs;
    metrics.requests.ended(this.#lane, this.#pool, tookMs);
    if (this.#labels !== undefined) metrics.compat?.ended(this.#labels, tookMs);
  }
}
