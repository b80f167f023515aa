import type { ApiClient } from "../api/api-client.ts";
import type { KubernetesError } from "../api/kubernetes-error.ts";
import type { JsonObject } from "../objects/json.ts";
import { resourceNameOf, type WatchedKind } from "../objects/watched-kind.ts";
import { errorOf } from "../watch/outcome-of-error.ts";
import { type PatchOutcome, patchStatus } from "./patch-status.ts";
import { type Attempt, defaultStatusPace, type StatusPace, StatusQueue } from "./status-queue.ts";

/** An object with a status. */
export interface StatusTarget {
  readonly kind: Pick<WatchedKind, "group" | "version" | "plural" | "kind" | "isNamespaced">;
  /** Absent for a kind without namespaces. */
  readonly namespace?: string;
  readonly name: string;
}

/** A status to write, and what it was made from. */
export interface WantedStatus {
  readonly status: JsonObject;
  /** Compared by identity: who writes the same repeatedly is undone by another, and waits longer each time. */
  readonly cause: object;
}

/** What became of an attempt to write a status. */
export type StatusOutcome =
  | PatchOutcome
  /** The API server does not allow it. */
  | "forbidden"
  /** The API server does not take this status. */
  | "refused"
  /** No answer, or one that may be better later. */
  | "failed";

export interface StatusWriterOptions {
  readonly client: ApiClient;
  /** Milliseconds for which this process may write, as `LeaseHolder.remainingMs`; 0: not at all. */
  readonly remainingMs: () => number;
  /** Makes the status of an object as it is now; undefined: it stays as it is. */
  readonly change: (target: StatusTarget, object: JsonObject) => WantedStatus | undefined;
  readonly onOutcome?: (target: StatusTarget, outcome: StatusOutcome) => void;
  /** Takes each problem of a kind once, when it begins; one sentence for people. */
  readonly onProblem?: (words: string) => void;
  /** Other times than the usual, for tests. */
  readonly pace?: Partial<StatusPace>;
  /** Milliseconds of a clock that only goes forward. Default: `performance.now`. */
  readonly now?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** Writes statuses of objects, a few at a time. */
export interface StatusWriter {
  /** The status of this object may have to be written. */
  add(target: StatusTarget): void;
  /** Removes what waits, and ends what is under way: this process may not write any more. */
  clear(): void;
  /** Objects that wait. */
  readonly pending: number;
  /** What keeps kinds from being written, one sentence for each. */
  readonly problems: readonly string[];
  /** Ends all requests. */
  close(): Promise<void>;
}

interface Problem {
  readonly outcome: StatusOutcome;
  readonly words: string;
  /** What was to be written. */
  readonly target: StatusTarget;
}

/** Requests at the same time. */
const maxRunning = 4;
/** Most objects that wait: as many as a cluster of thousands of routes has. More are not written until others are. */
const maxPending = 50_000;

/**
 * Writes the statuses of objects: at most one write an object and second, and none without a change. A failure costs
 * only the object that it is about, and a missing right only the kind. Never throws.
 */
export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  return new Writer(options);
}

class Writer implements StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #pace: StatusPace;
  readonly #queue: StatusQueue<StatusTarget>;
  readonly #now: () => number;
  readonly #running = new Set<Promise<void>>();
  /** Problems that were reported, by the kind. */
  readonly #problems = new Map<string, Problem>();
  /** Until when a kind of a namespace is not tried: a right is missing. */
  readonly #forbidden = new Map<string, number>();
  #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#pace = { ...defaultStatusPace, ...options.pace };
    this.#queue = new StatusQueue(this.#pace, options.random ?? Math.random);
  }

  get pending(): number {
    return this.#queue.size;
  }

  get problems(): readonly string[] {
    return [...this.#problems.values()].map(({ words }) => words);
  }

  add(target: StatusTarget): void {
    if (this.#isClosed) return;
    if (this.#queue.size >= maxPending) {
      this.#problem(target, "failed", `more than ${maxPending} statuses wait to be written`);
      return;
    }
    this.#queue.add(keyOf(target), target, this.#now());
    this.#schedule();
  }

  clear(): void {
    this.#queue.clear();
    this.#problems.clear();
    this.#forbidden.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stopping.abort();
    this.#stopping = new AbortController();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.clear();
    await Promise.all(this.#running);
  }

  #schedule(): void {
    if (this.#isClosed || this.#running.size >= maxRunning) return;
    const nowMs = this.#now();
    const nextMs = this.#queue.nextMs(nowMs);
    clearTimeout(this.#timer);
    this.#timer = nextMs === undefined ? undefined : setTimeout(() => this.#turn(), nextMs - nowMs);
  }

  #turn(): void {
    for (const { key, target } of this.#queue.take(maxRunning - this.#running.size, this.#now())) {
      const run = this.#run(key, target).finally(() => {
        this.#running.delete(run);
        this.#schedule();
      });
      this.#running.add(run);
    }
    this.#schedule();
  }

  async #run(key: string, target: StatusTarget): Promise<void> {
    let cause: object = target;
    const { client, change, remainingMs, onOutcome } = this.#options;
    const { signal } = this.#stopping;
    if ((this.#forbidden.get(scopeOf(target)) ?? 0) > this.#now()) {
      this.#queue.done(key, { kind: "refused" }, this.#now());
      return;
    }
    try {
      const outcome = await patchStatus({
        ...{ client, remainingMs, signal, ...target },
        change(object) {
          const wanted = change(target, object);
          cause = wanted?.cause ?? target;
          return wanted?.status;
        },
      });
      this.#endProblem(target);
      this.#queue.done(key, attemptOf(outcome, cause), this.#now());
      onOutcome?.(target, outcome);
    } catch (thrown) {
      const error = errorOf(thrown);
      const outcome = outcomeOf(error);
      if (signal.aborted) {
        this.#queue.done(key, { kind: "settled" }, this.#now());
        return;
      }
      this.#queue.done(key, attemptAfter(outcome, error), this.#now());
      if (outcome === "forbidden") {
        this.#forbidden.set(scopeOf(target), this.#now() + this.#pace.refusedMs);
      }
      onOutcome?.(target, outcome);
      this.#problem(target, outcome, wordsOf(target, outcome, error));
    }
  }

  #problem(target: StatusTarget, outcome: StatusOutcome, words: string): void {
    const resource = resourceNameOf(target.kind);
    if (this.#problems.get(resource)?.outcome === outcome) return;
    this.#problems.set(resource, { outcome, words, target });
    this.#options.onProblem?.(words);
  }

  /** What was written shows that a right is there for its namespace, and that a status is taken for its object only. */
  #endProblem(target: StatusTarget): void {
    const resource = resourceNameOf(target.kind);
    const problem = this.#problems.get(resource);
    if (problem === undefined) return;
    const { outcome, target: of } = problem;
    if (outcome === "forbidden" && scopeOf(of) !== scopeOf(target)) return;
    if (outcome === "refused" && keyOf(of) !== keyOf(target)) return;
    this.#problems.delete(resource);
  }
}

function keyOf({ kind, namespace = "", name }: StatusTarget): string {
  return JSON.stringify([kind.group, kind.plural, namespace, name]);
}

/** Rights are of a kind and namespace. */
function scopeOf({ kind, namespace = "" }: StatusTarget): string {
  return JSON.stringify([kind.group, kind.plural, namespace]);
}

function attemptOf(outcome: PatchOutcome, cause: object): Attempt {
  if (outcome === "written") return { kind: "written", cause };
  // Others write it all the time: later, when they have finished.
  return outcome === "conflict" ? { kind: "failed" } : { kind: "settled" };
}

function outcomeOf({ code, status = 0 }: KubernetesError): StatusOutcome {
  if (code !== "REFUSED") return "failed";
  if (status === 403) return "forbidden";
  return status === 400 || status === 413 || status === 422 ? "refused" : "failed";
}

function attemptAfter(outcome: StatusOutcome, { retryAfterMs }: KubernetesError): Attempt {
  if (outcome !== "failed") return { kind: "refused" };
  return { kind: "failed", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function wordsOf(
  { kind, namespace }: StatusTarget,
  outcome: StatusOutcome,
  { message }: KubernetesError,
): string {
  const { group, plural } = kind;
  const what = `the status of ${resourceNameOf(kind)}`;
  if (outcome !== "forbidden") return `${what} can't be written: ${message}`;
  const rules = JSON.stringify([
    { apiGroups: [group], resources: [plural], verbs: ["get"] },
    { apiGroups: [group], resources: [`${plural}/status`], verbs: ["patch"] },
  ]);
  const role = namespace === undefined ? "a ClusterRole" : `a Role in namespace "${namespace}"`;
  return `${what} can't be written: the API server does not allow it; add these rules to ${role} of Umbra's service account: ${rules} (${message})`;
}
