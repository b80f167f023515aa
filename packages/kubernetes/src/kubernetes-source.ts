import type { ApiClient } from "./api/api-client.ts";
import type { KubernetesError } from "./api/kubernetes-error.ts";
import { defaultListLimits } from "./api/list-objects.ts";
import type { ObjectChange, ObjectId } from "./objects/held-object.ts";
import type { JsonObject } from "./objects/json.ts";
import { apiVersionOf, type Scope, scopesOf, type WatchedKind } from "./objects/watched-kind.ts";
import { defaultPace } from "./watch/follow-state.ts";
import { Follower, type FollowLimits, type ScopeState } from "./watch/follower.ts";
import { type Problem, unreachable } from "./watch/problem.ts";
import { Reachability } from "./watch/reachability.ts";

export interface KubernetesSourceOptions {
  readonly client: ApiClient;
  /** Followed from start to end; a kind that the API server lacks is followed once it has it. */
  readonly kinds: readonly WatchedKind[];
  /** Takes what changed, in order. May throw: that is reported, and what changed is not repeated. */
  readonly onChange: (changes: readonly ObjectChange[]) => void;
  /**
   * Called once: each kind has been listed, or can't be and is not required, or is optional and was waited for long
   * enough. What `onChange` got until then is complete, but for the latter.
   */
  readonly onSynced?: () => void;
  /** Takes each problem once, when it begins. */
  readonly onProblem?: (problem: Problem) => void;
  /** True: no other process starts at the same time, so the first lists are sent at once. Default: false. */
  readonly isAlone?: boolean;
  /** Other times and sizes than the usual, for tests. */
  readonly limits?: Partial<FollowLimits>;
  /** Milliseconds of a clock that only goes forward. Default: `performance.now`. */
  readonly now?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** Objects of an API server, followed until `close`. */
export interface KubernetesSource {
  /** All objects that are held, of all kinds. */
  objects(): readonly JsonObject[];
  /** An object that is held. */
  find(id: ObjectId): JsonObject | undefined;
  /** How it goes, for each kind and namespace. */
  states(): readonly ScopeState[];
  /** Whether `onSynced` was called. */
  readonly isSynced: boolean;
  /** Ends all requests. Nothing is called afterwards. */
  close(): Promise<void>;
}

/** Watches have bookmarks every minute; anything longer is silence. */
const defaultLimits: FollowLimits = {
  pace: defaultPace,
  list: defaultListLimits,
  maxEventBytes: 8 * 1024 * 1024,
  silenceMs: 60_000,
  answerMs: 15_000,
  optionalMs: 30_000,
  watchMs: 300_000,
};

const askEveryMs = 1_500;

/**
 * Follows objects of an API server: lists each kind, and then watches it. Faults of the API server cost no event: a
 * watch continues where it broke off, or the kind is listed again. The first lists are spread over 2.5 s.
 *
 * Does not throw, and does not close `client`.
 */
export function startKubernetes(options: KubernetesSourceOptions): KubernetesSource {
  return new Source(options);
}

class Source implements KubernetesSource {
  readonly #options: KubernetesSourceOptions;
  readonly #followers: readonly Follower[];
  readonly #reachability: Reachability;
  readonly #closing = new AbortController();
  readonly #optionalTimer: NodeJS.Timeout;
  #isOptionalOver = false;
  #isSynced = false;
  #isAway = false;

  constructor(options: KubernetesSourceOptions) {
    this.#options = options;
    const random = options.random ?? Math.random;
    this.#reachability = new Reachability({
      client: options.client,
      signal: this.#closing.signal,
      everyMs: askEveryMs,
      random,
      onReachable: () => {
        for (const follower of this.#followers) follower.reachable();
      },
    });
    this.#followers = options.kinds.flatMap(scopesOf).map(
      (scope) =>
        new Follower({
          client: options.client,
          scope,
          limits: limitsOf(options),
          now: options.now ?? (() => performance.now()),
          random,
          onChange: options.onChange,
          onState: () => this.#update(),
          onProblem: (problem) => this.#report(problem),
          onUnreachable: (lost, error) => this.#lose(lost, error),
        }),
    );
    this.#optionalTimer = setTimeout(() => {
      this.#isOptionalOver = true;
      this.#update();
    }, limitsOf(options).optionalMs);
    for (const follower of this.#followers) follower.start();
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  objects(): readonly JsonObject[] {
    return this.#followers.flatMap((follower) => follower.objects());
  }

  find(id: ObjectId): JsonObject | undefined {
    for (const follower of this.#followers) {
      const { kind } = follower.scope;
      if (kind.kind !== id.kind || apiVersionOf(kind) !== id.apiVersion) continue;
      const found = follower.find(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  states(): readonly ScopeState[] {
    return this.#followers.map(({ state }) => state);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#optionalTimer);
    await Promise.all([
      this.#reachability.ended(),
      ...this.#followers.map((follower) => follower.close()),
    ]);
  }

  #update(): void {
    const states = this.states();
    if (states.every(({ condition }) => condition !== "unreachable")) this.#isAway = false;
    const isComplete = (state: ScopeState): boolean =>
      isSettled(state) || (this.#isOptionalOver && isGivenUp(state));
    if (this.#isSynced || !states.every(isComplete)) return;
    this.#isSynced = true;
    clearTimeout(this.#optionalTimer);
    try {
      this.#options.onSynced?.();
    } catch (cause) {
      const [first] = states;
      if (first === undefined) throw cause;
      this.#report({
        code: "HANDLER",
        message: `onSynced threw: ${String(cause)}`,
        scope: first.scope,
        cause,
      });
    }
  }

  /** The API server is away for all kinds: that is reported once. */
  #lose(scope: Scope, error: KubernetesError): void {
    this.#reachability.lost();
    if (this.#isAway) return;
    this.#isAway = true;
    this.#report(unreachable(scope, error));
  }

  #report(problem: Problem): void {
    try {
      this.#options.onProblem?.(problem);
    } catch (cause) {
      process.emitWarning(`a receiver of problems threw: ${String(cause)}`, "KubernetesWarning");
    }
  }
}

function limitsOf({ limits, isAlone = false }: KubernetesSourceOptions): FollowLimits {
  const all = { ...defaultLimits, ...limits };
  return isAlone ? { ...all, pace: { ...all.pace, listSpreadMs: 0 } } : all;
}

function isSettled({ scope, condition, hasBeenListed, problem }: ScopeState): boolean {
  if (hasBeenListed) return true;
  if (scope.kind.isRequired === true) return false;
  // The first refusal may be an API server that is still starting.
  return condition === "absent" || (condition === "forbidden" && problem !== undefined);
}

/** Whether a start continues without it. An API server that does not answer at all is waited for. */
function isGivenUp({ scope, condition }: ScopeState): boolean {
  return scope.kind.isOptional === true && condition !== "unreachable";
}
