import type { ObjectList } from "../api/list-objects.ts";
import type { HeldObject, ObjectChange, ObjectId } from "../objects/held-object.ts";
import type { JsonObject } from "../objects/json.ts";
import { ObjectCache } from "../objects/object-cache.ts";
import { isBuiltIn, type WatchedKind } from "../objects/watched-kind.ts";
import {
  afterOutcome,
  type FollowState,
  type Moment,
  type Outcome,
  type Pace,
  startOf,
} from "./follow-state.ts";
import { outcomeOfStatus } from "./outcome-of-error.ts";
import type { WatchEvent } from "./watch-event.ts";

/**
 * The objects of one scope, and what comes next. Sends nothing and waits for nothing: it is given the results of requests,
 * and when.
 */
export class Following {
  readonly #kind: WatchedKind;
  readonly #pace: Pace;
  readonly #cache = new ObjectCache();
  #state: FollowState;
  #deletions: HeldObject[] = [];

  constructor(kind: WatchedKind, pace: Pace, moment: Moment) {
    this.#kind = kind;
    this.#pace = pace;
    this.#state = startOf(moment, pace);
  }

  get state(): FollowState {
    return this.#state;
  }

  get size(): number {
    return this.#cache.size;
  }

  /** When the next object has to part; undefined when none has to. */
  get nextPartingMs(): number | undefined {
    return this.#cache.nextPartingMs;
  }

  objects(): JsonObject[] {
    return this.#cache.objects();
  }

  find(id: Pick<ObjectId, "namespace" | "name">): JsonObject | undefined {
    return this.#cache.find(id);
  }

  take(outcome: Outcome, moment: Moment): void {
    this.#state = afterOutcome(this.#state, outcome, moment, this.#pace);
    if (outcome.kind === "absent") this.#cache.partAll(moment.nowMs + this.#pace.partingMs);
  }

  takeList({ objects, resourceVersion }: ObjectList, moment: Moment): ObjectChange[] {
    this.take({ kind: "listed", resourceVersion }, moment);
    return this.#cache.replace(objects);
  }

  /**
   * What an event changes. A deletion of a kind that may leave the API server changes nothing yet: see `takeDeletions`.
   * After an event that asks for a list, the watch is of no more use.
   */
  takeEvent(event: WatchEvent, moment: Moment): ObjectChange[] {
    switch (event.type) {
      case "put":
        this.#advance(event.held.resourceVersion, moment);
        return this.#cache.put(event.held);
      case "deleted":
        this.#advance(event.held.resourceVersion, moment);
        if (isBuiltIn(this.#kind)) return this.#cache.remove(event.held);
        this.#deletions.push(event.held);
        return [];
      case "bookmark":
        this.#advance(event.resourceVersion, moment);
        return [];
      case "error":
        this.take(outcomeOfStatus(event.status, event.retryAfterMs), moment);
        return [];
    }
  }

  /** Deletions that may be due to the kind leaving the API server. Each is returned once. */
  takeDeletions(): readonly HeldObject[] {
    const deletions = this.#deletions;
    this.#deletions = [];
    return deletions;
  }

  /** Ends deletions: at once, or when their kind leaves, after the parting time. */
  settleDeletions(
    deletions: readonly HeldObject[],
    { isKindLeaving }: { readonly isKindLeaving: boolean },
    { nowMs }: Moment,
  ): ObjectChange[] {
    if (!isKindLeaving) return deletions.flatMap((held) => this.#cache.remove(held));
    for (const held of deletions) this.#cache.part(held, nowMs + this.#pace.partingMs);
    return [];
  }

  dropParted({ nowMs }: Moment): ObjectChange[] {
    return this.#cache.dropParted(nowMs);
  }

  #advance(resourceVersion: string, moment: Moment): void {
    this.take({ kind: "advanced", resourceVersion }, moment);
  }
}
