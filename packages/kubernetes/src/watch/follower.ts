import type { ApiClient, ApiStream } from "../api/api-client.ts";
import { takesNewObjects } from "../api/discovery.ts";
import { isKubernetesError, KubernetesError } from "../api/kubernetes-error.ts";
import { LineSplitter } from "../api/line-splitter.ts";
import { type ListLimits, listObjects, selectorsOf } from "../api/list-objects.ts";
import type { ObjectChange, ObjectId } from "../objects/held-object.ts";
import type { JsonObject } from "../objects/json.ts";
import { listPathOf, type Scope } from "../objects/watched-kind.ts";
import type { Condition, FollowState, Moment, Pace } from "./follow-state.ts";
import { Following } from "./following.ts";
import { errorOf, outcomeOf } from "./outcome-of-error.ts";
import { absent, failing, forbidden, handlerThrew, type Problem, unreachable } from "./problem.ts";
import { pause } from "./reachability.ts";
import { readWatchEvent, type WatchEvent } from "./watch-event.ts";

/** Times and sizes of one scope's requests. */
export interface FollowLimits {
  readonly pace: Pace;
  readonly list: ListLimits;
  /** Largest event. */
  readonly maxEventBytes: number;
  /** A watch that gets no byte during this time is replaced. */
  readonly silenceMs: number;
  /** Longest time to the headers of an answer. */
  readonly answerMs: number;
  /** How long a start waits for the kinds that are optional. */
  readonly optionalMs: number;
  /** How long the API server is asked to keep a watch open, at least; at most twice as long. */
  readonly watchMs: number;
}

export interface FollowerOptions {
  readonly client: ApiClient;
  readonly scope: Scope;
  readonly limits: FollowLimits;
  readonly now: () => number;
  readonly random: () => number;
  readonly onChange: (changes: readonly ObjectChange[]) => void;
  /** Called after each request, and when a watch opens. */
  readonly onState: () => void;
  readonly onProblem: (problem: Problem) => void;
  readonly onUnreachable: (scope: Scope, error: KubernetesError) => void;
}

/** How following a scope goes. */
export interface ScopeState {
  readonly scope: Scope;
  readonly condition: Condition;
  /** Whether the objects have been listed once. */
  readonly hasBeenListed: boolean;
  readonly objects: number;
  /** Since the last byte from the API server for this scope; absent before the first. */
  readonly secondsSinceContact?: number;
  /** Lists sent, and watches opened. */
  readonly lists: number;
  readonly watches: number;
  /** What keeps it from being followed. */
  readonly problem?: Problem;
}

/** Sends the requests of one scope, one after the other, until it is closed. */
export class Follower {
  readonly scope: Scope;
  readonly #options: FollowerOptions;
  readonly #following: Following;
  readonly #closing = new AbortController();
  #wake = new AbortController();
  #run: Promise<void> | undefined;
  #asking: Promise<void> | undefined;
  #partingTimer: NodeJS.Timeout | undefined;
  #contactMs: number | undefined;
  #lists = 0;
  #watches = 0;
  #problem: Problem | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.scope = options.scope;
    this.#following = new Following(options.scope.kind, options.limits.pace, this.#moment());
  }

  get state(): ScopeState {
    const { condition, hasBeenListed } = this.#following.state;
    const contactMs = this.#contactMs;
    return {
      scope: this.scope,
      condition,
      hasBeenListed,
      objects: this.#following.size,
      ...(contactMs === undefined
        ? {}
        : { secondsSinceContact: Math.max(0, this.#options.now() - contactMs) / 1_000 }),
      lists: this.#lists,
      watches: this.#watches,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  objects(): JsonObject[] {
    return this.#following.objects();
  }

  find(id: Pick<ObjectId, "namespace" | "name">): JsonObject | undefined {
    return this.#following.find(id);
  }

  start(): void {
    this.#run ??= this.#follow();
  }

  /** Ends the wait for an API server that was away. */
  reachable(): void {
    this.#following.take({ kind: "reachable" }, this.#moment());
    this.#wake.abort();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#partingTimer);
    await Promise.all([this.#run, this.#asking]);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const waitMs = this.#following.state.earliestMs - this.#options.now();
      if (waitMs > 0) {
        // Read again afterwards: an API server that is back may have brought the time forward.
        this.#wake = new AbortController();
        await pause(waitMs, AbortSignal.any([signal, this.#wake.signal]));
        continue;
      }
      if (this.#following.state.next === "list") await this.#list();
      else await this.#watch();
      if (!signal.aborted) this.#options.onState();
    }
  }

  async #list(): Promise<void> {
    const { client, limits } = this.#options;
    this.#lists++;
    try {
      const list = await listObjects(client, this.scope, {
        limits: limits.list,
        signal: this.#closing.signal,
        timeoutMs: limits.answerMs,
        onPage: () => this.#touch(),
      });
      this.#emit(this.#following.takeList(list, this.#moment()));
      this.#problem = undefined;
    } catch (cause) {
      this.#fail(errorOf(cause), "list");
    }
  }

  async #watch(): Promise<void> {
    const { client, limits, random } = this.#options;
    const { resourceVersion } = this.#following.state;
    let stream: ApiStream | undefined;
    try {
      stream = await client.open({
        method: "GET",
        path: listPathOf(this.scope),
        query: {
          watch: "1",
          allowWatchBookmarks: "true",
          resourceVersion,
          timeoutSeconds: String(Math.ceil((limits.watchMs * (1 + random())) / 1_000)),
          ...selectorsOf(this.scope),
        },
        signal: this.#closing.signal,
        timeoutMs: limits.answerMs,
        silenceMs: limits.silenceMs,
      });
      this.#watches++;
      this.#touch();
      this.#following.take({ kind: "watchOpened" }, this.#moment());
      this.#problem = undefined;
      this.#options.onState();
      await this.#readEvents(stream);
    } catch (cause) {
      const error = errorOf(cause);
      if (error.code === "SILENT") this.#following.take({ kind: "silent" }, this.#moment());
      else this.#fail(error, "watch");
    } finally {
      stream?.destroy();
    }
  }

  /** Reads until the watch ends, or says that it is of no more use. */
  async #readEvents({ body }: ApiStream): Promise<void> {
    const lines = new LineSplitter(this.#options.limits.maxEventBytes);
    for await (const chunk of body) {
      this.#touch();
      const isUseful = this.#takeEvents(lines.push(chunk));
      if (!isUseful) return;
    }
    this.#following.take({ kind: "closed" }, this.#moment());
  }

  /** Takes lines of a watch; false when it has to be replaced. */
  #takeEvents(lines: readonly string[]): boolean {
    const changes: ObjectChange[] = [];
    let isUseful = true;
    for (const line of lines) {
      const event = readWatchEvent(line, this.scope.kind);
      if (event === undefined) {
        this.#emit(changes);
        this.#askAboutDeletions();
        throw new KubernetesError("INVALID_ANSWER", "the API server sent an event that is not one");
      }
      changes.push(...this.#following.takeEvent(event, this.#moment()));
      isUseful = event.type !== "error" && this.#following.state.next === "watch";
      if (isUseful) continue;
      this.#noteError(event);
      break;
    }
    this.#emit(changes);
    this.#askAboutDeletions();
    return isUseful;
  }

  #noteError(event: WatchEvent): void {
    if (event.type !== "error" || event.status === 410) return;
    const { status, message } = event;
    this.#note(new KubernetesError("REFUSED", `watch: ${status}: ${message}`, { status }), "watch");
  }

  /** Asks, once for all deletions that wait, whether their kind is leaving. */
  #askAboutDeletions(): void {
    if (this.#asking !== undefined) return;
    const deletions = this.#following.takeDeletions();
    if (deletions.length === 0) return;
    this.#asking = this.#isKindLeaving().then((isKindLeaving) => {
      this.#asking = undefined;
      if (this.#closing.signal.aborted) return;
      this.#emit(this.#following.settleDeletions(deletions, { isKindLeaving }, this.#moment()));
      if (isKindLeaving) this.#dropPartedLater();
      this.#askAboutDeletions();
    });
  }

  async #isKindLeaving(): Promise<boolean> {
    try {
      return !(await takesNewObjects(this.#options.client, this.scope.kind, this.#closing.signal));
    } catch (cause) {
      // Without an answer a deletion counts as one by a user.
      return isKubernetesError(cause) && cause.status === 404;
    }
  }

  #dropPartedLater(): void {
    clearTimeout(this.#partingTimer);
    const nextMs = this.#following.nextPartingMs;
    if (this.#closing.signal.aborted || nextMs === undefined) return;
    this.#partingTimer = setTimeout(
      () => {
        this.#emit(this.#following.dropParted(this.#moment()));
        this.#dropPartedLater();
      },
      // Timers may run a little early.
      Math.max(0, nextMs - this.#options.now()) + 20,
    );
  }

  #fail(error: KubernetesError, verb: "list" | "watch"): void {
    if (this.#closing.signal.aborted) return;
    if (error.code === "REFUSED") this.#touch();
    const outcome = outcomeOf(error);
    this.#following.take(outcome, this.#moment());
    if (outcome.kind === "absent") this.#dropPartedLater();
    if (outcome.kind !== "expired") this.#note(error, verb);
  }

  /** Keeps what went wrong, and reports it: once, and not at the first time, as many faults last only a moment. */
  #note(error: KubernetesError, verb: "list" | "watch"): void {
    const state = this.#following.state;
    if (state.condition === "unreachable" && state.failures > 1) {
      this.#options.onUnreachable(this.scope, error);
    }
    const problem = problemOf(this.scope, state, error, verb);
    const isKnown = this.#problem?.code === problem.code;
    if (problem.code !== "ABSENT" && state.failures < 2) return;
    this.#problem = problem;
    if (!isKnown && problem.code !== "UNREACHABLE") this.#options.onProblem(problem);
  }

  #emit(changes: readonly ObjectChange[]): void {
    if (changes.length === 0) return;
    try {
      this.#options.onChange(changes);
    } catch (cause) {
      this.#options.onProblem(handlerThrew(this.scope, cause));
    }
  }

  #touch(): void {
    this.#contactMs = this.#options.now();
  }

  #moment(): Moment {
    return { nowMs: this.#options.now(), random: this.#options.random() };
  }
}

function problemOf(
  scope: Scope,
  { condition }: FollowState,
  error: KubernetesError,
  verb: "list" | "watch",
): Problem {
  switch (condition) {
    case "absent":
      return absent(scope);
    case "forbidden":
      return forbidden(scope, verb, error);
    case "unreachable":
      return unreachable(scope, error);
    case "starting":
    case "following":
    case "failing":
      return failing(scope, error);
  }
}
