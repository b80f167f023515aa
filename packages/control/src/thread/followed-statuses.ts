import {
  isAnswered,
  type PublishedFacts,
  type ServedFacts,
  type StatusChanges,
  StatusReport,
} from "../resolve/status-report.ts";

export interface FollowedStatusesOptions {
  /** What has been published; undefined: nothing yet, or a change is about to be. */
  readonly published: () => PublishedFacts | undefined;
  readonly send: (statuses: StatusChanges) => void;
}

/** The statuses that objects should have, reported when they change. */
export interface FollowedStatuses {
  /** What was resolved may have changed. */
  changed(): void;
  /** Undefined: no one asks for statuses any more. */
  serves(served: ServedFacts | undefined): void;
  close(): void;
}

/** From a change to its statuses: changes that come together are reported together. */
const gatherMs = 50;
/** Longest wait for Envoys to reply to a change: after that, a status shows that they have not. */
const longestMs = 2_000;

export function followStatuses(options: FollowedStatusesOptions): FollowedStatuses {
  return new Statuses(options);
}

class Statuses implements FollowedStatuses {
  readonly #options: FollowedStatusesOptions;
  readonly #report = new StatusReport();
  #served: ServedFacts | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Since when a change waits for its replies. */
  #waitsSinceMs: number | undefined;
  /** Listeners for whose replies it has waited long enough. */
  #unanswered: object | undefined;

  constructor(options: FollowedStatusesOptions) {
    this.#options = options;
  }

  changed(): void {
    if (this.#served !== undefined) this.#timer ??= setTimeout(() => this.#sendChanges(), gatherMs);
  }

  serves(served: ServedFacts | undefined): void {
    if (served === undefined) {
      this.close();
      this.#report.forget();
    }
    this.#served = served;
    this.changed();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waitsSinceMs = undefined;
  }

  #sendChanges(): void {
    this.#timer = undefined;
    const [served, published] = [this.#served, this.#options.published()];
    if (served === undefined) return;
    if (published === undefined || this.#mustWait(published, served)) {
      this.changed();
      return;
    }
    this.#waitsSinceMs = undefined;
    const changes = this.#report.changes(published, served);
    if (changes !== undefined) this.#options.send(changes);
  }

  #mustWait({ snapshot }: PublishedFacts, served: ServedFacts): boolean {
    if (isAnswered(snapshot, served) || this.#unanswered === snapshot?.lds) return false;
    this.#waitsSinceMs ??= performance.now();
    if (performance.now() - this.#waitsSinceMs < longestMs) return true;
    this.#unanswered = snapshot?.lds;
    return false;
  }
}
