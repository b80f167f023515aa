import { type Mirror, resourceName } from "@umbra/envoy-config";
import type { DropReason, FunnelCounts } from "@umbra/shadow";
import { type Breaker, createBreaker } from "./breaker.ts";
import { type Budget, type BudgetLimits, type BudgetShare, createBudget } from "./budget.ts";
import { type IneligibleReason, ineligibleFor } from "./eligibility.ts";
import { evaluationKey } from "./evaluation-key.ts";
import { shareOf } from "./keyed-hash.ts";
import type { RequestView } from "./request-view.ts";
import { sessionOf } from "./session.ts";

/** Decides which requests of a route are mirrored to one shadow pool. */
export interface MirrorGate {
  readonly key: string;
  /** `namespace/name` of the HTTPRoute. */
  readonly route: string;
  /** The shadow pool's name. */
  readonly candidate: string;
  /** One of the mirrors that share the controller; they only differ in their rule. */
  readonly mirror: Mirror;
  /** When the first request of the evaluation was mirrored, on the controller's clock; undefined before. */
  startedAtMs(): number | undefined;
  /** Cheap and without I/O, because it is on the hot path. */
  decide(request: RequestView): MirrorDecision;
  /** A twin ended or never arrived. Called once for each twin. `end` is its result, if known. */
  finished(requestId: string, end?: TwinEnd): void;
  /**
   * Takes over the settings of a mirror of the same route, shadow pool and policy. Counts, breaker, pause and the used
   * budget stay. A share set by `setShare` stays unless the mirror's own share changes.
   */
  change(mirror: Mirror, maxBodyBytes?: number): void;
  /** A new evaluation begins: its counts and the budget that ends an evaluation start at 0. */
  restart(): void;
  /** Sets which part of its budget is this process's. */
  setBudgetShare(share: BudgetShare): void;
  /** 0..1,000,000 */
  setShare(perMillion: number): void;
  /** `unjudged`: the evaluation thread ended. */
  pause(reason: "paused" | "protection" | "unjudged"): void;
  resume(): void;
  /** Permanent: the evaluation is over. */
  stop(): void;
  state(): MirrorState;
  /** Counts since the evaluation began. */
  counts(): FunnelCounts;
}

/** The result of a twin. */
export interface TwinEnd {
  readonly isError: boolean;
  readonly tokens: number;
}

export type MirrorDecision =
  /** Not eligible under the policy. */
  | { readonly kind: "ineligible" }
  /** Not sampled, or sampled and dropped. */
  | {
      readonly kind: "unmirrored";
      readonly drop: DropReason | undefined;
      readonly session?: string;
    }
  | { readonly kind: "mirrored"; readonly session?: string };

/** The state that the admin interface shows. */
export interface MirrorState {
  /** `route` and `candidate` combined, its name in admin calls. */
  readonly name: string;
  readonly route: string;
  readonly candidate: string;
  readonly policy: string | null;
  readonly role: Mirror["role"];
  readonly percent: number;
  readonly by: "request" | "session";
  readonly paused: boolean;
  readonly pausedBy: "paused" | "protection" | "unjudged" | "stopped" | null;
  readonly breaker: "closed" | "open" | "half-open";
  readonly inFlight: number;
  /** Requests that are not eligible, by reason; reasons without requests are omitted. */
  readonly notEligible: Readonly<Partial<Record<IneligibleReason, number>>>;
  readonly eligible: number;
  readonly sampled: number;
  readonly mirrored: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly budgetUsed: Budget["used"];
}

export interface MirrorGateOptions {
  readonly mirror: Mirror;
  /** Maximum size of a mirrored body without a policy, in bytes; absent: no limit. */
  readonly maxBodyBytes?: number | undefined;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

export function createMirrorGate(options: MirrorGateOptions): MirrorGate {
  return new CountingGate(options);
}

class CountingGate implements MirrorGate {
  readonly key: string;
  readonly route: string;
  readonly candidate: string;
  mirror: Mirror;
  readonly #now: () => number;
  readonly #samplingKey: string;
  readonly #controlKey: string;
  readonly #budget: Budget;
  readonly #breaker: Breaker;
  readonly #dropped: Record<string, number> = {};
  readonly #notEligible: Partial<Record<IneligibleReason, number>> = {};
  #eligible = 0;
  #sampled = 0;
  #mirrored = 0;
  /** Counts when the evaluation began. */
  #before: GateCounts = noCounts;
  #perMillion: number;
  #pausedBy: MirrorState["pausedBy"] = null;
  #startedAtMs: number | undefined = undefined;

  constructor(options: MirrorGateOptions) {
    const { mirror, now } = options;
    this.mirror = mirror;
    this.route = resourceName(mirror.origin.route);
    this.candidate = mirror.pool;
    this.key = evaluationKey(this.route, this.candidate);
    // Candidates of one policy sample the same requests, so that they can be compared.
    this.#samplingKey = `umbra sampling ${mirror.policy?.name ?? this.route}`;
    this.#controlKey = `umbra control ${mirror.policy?.name ?? this.route}`;
    this.#now = now;
    this.#budget = createBudget(limitsOf(options), now);
    this.#breaker = createBreaker(now);
    this.#perMillion = mirror.perMillion;
  }

  startedAtMs(): number | undefined {
    return this.#startedAtMs;
  }

  decide(request: RequestView): MirrorDecision {
    const { policy, sampling } = this.mirror;
    const reason = policy === undefined ? undefined : ineligibleFor(request, policy.eligible);
    if (reason !== undefined) {
      this.#notEligible[reason] = (this.#notEligible[reason] ?? 0) + 1;
      return { kind: "ineligible" };
    }
    this.#eligible++;
    const name = sessionOf(request, sampling);
    const session = name === undefined ? {} : { session: name };
    // Sampling is not needed if all requests are mirrored.
    const isDrawn =
      this.#perMillion >= 1_000_000 ||
      shareOf(this.#samplingKey, name ?? request.requestId) * 1_000_000 < this.#perMillion;
    if (!isDrawn || !this.#isDrawnAgain(name ?? request.requestId))
      return { kind: "unmirrored", drop: undefined, ...session };
    this.#sampled++;
    const drop = this.#dropReason(request);
    if (drop !== undefined) {
      this.#dropped[drop] = (this.#dropped[drop] ?? 0) + 1;
      return { kind: "unmirrored", drop, ...session };
    }
    this.#mirrored++;
    this.#startedAtMs ??= this.#now();
    return { kind: "mirrored", ...session };
  }

  finished(requestId: string, end?: TwinEnd): void {
    this.#budget.giveBack();
    if (end === undefined) {
      this.#breaker.giveUp(requestId);
      return;
    }
    this.#budget.spend(end.tokens);
    if (this.mirror.policy !== undefined) this.#breaker.record(requestId, end.isError);
  }

  change(mirror: Mirror, maxBodyBytes?: number): void {
    if (mirror.perMillion !== this.mirror.perMillion) this.#perMillion = mirror.perMillion;
    this.mirror = mirror;
    this.#budget.setLimits(limitsOf({ mirror, maxBodyBytes }));
  }

  restart(): void {
    this.#before = this.#countsSoFar();
    this.#startedAtMs = undefined;
    this.#budget.restart();
  }

  setBudgetShare(share: BudgetShare): void {
    this.#budget.setShare(share);
  }

  setShare(share: number): void {
    this.#perMillion = share;
  }

  pause(reason: "paused" | "protection" | "unjudged"): void {
    if (this.#pausedBy !== "stopped") this.#pausedBy = reason;
  }

  resume(): void {
    if (this.#pausedBy !== "stopped") this.#pausedBy = null;
  }

  stop(): void {
    this.#pausedBy = "stopped";
  }

  state(): MirrorState {
    const { role, sampling, policy } = this.mirror;
    return {
      name: this.key,
      route: this.route,
      candidate: this.candidate,
      policy: policy?.name ?? null,
      role,
      percent: this.#perMillion / 10_000,
      by: sampling.by,
      paused: this.#pausedBy !== null,
      pausedBy: this.#pausedBy,
      breaker: this.#breaker.state,
      inFlight: this.#budget.inFlight,
      notEligible: this.#notEligible,
      eligible: this.#eligible,
      sampled: this.#sampled,
      mirrored: this.#mirrored,
      dropped: this.#dropped,
      budgetUsed: this.#budget.used,
    };
  }

  counts(): FunnelCounts {
    return difference(this.#countsSoFar(), this.#before);
  }

  /** A control may get a part of what is mirrored. With the same key it would get what any smaller share gets. */
  #isDrawnAgain(id: string): boolean {
    const { percentOfMirrored = 100 } = this.mirror;
    return percentOfMirrored >= 100 || shareOf(this.#controlKey, id) * 100 < percentOfMirrored;
  }

  #dropReason(request: RequestView): DropReason | undefined {
    const pausedBy = this.#pausedBy;
    if (pausedBy === "stopped" || pausedBy === "unjudged") return "paused";
    if (pausedBy !== null) return pausedBy;
    // Checks the budget first: an exhausted budget must not use up the breaker's trial.
    if (this.#breaker.state === "open") return "breaker";
    const reason = this.#budget.take(request.body.length);
    if (reason !== undefined) return reason;
    if (this.mirror.policy === undefined || this.#breaker.admits(request.requestId)) {
      return undefined;
    }
    this.#budget.giveBack();
    return "breaker";
  }

  #countsSoFar(): GateCounts {
    return {
      not_eligible: { ...this.#notEligible },
      ...{ eligible: this.#eligible, sampled: this.#sampled, dispatched: this.#mirrored },
      dropped: { ...this.#dropped },
    };
  }
}

function limitsOf({
  mirror: { policy },
  maxBodyBytes,
}: Omit<MirrorGateOptions, "now">): BudgetLimits {
  return policy?.budget ?? { maxBodyBytes };
}

type GateCounts = Required<FunnelCounts>;

const noCounts: GateCounts = {
  not_eligible: {},
  ...{ eligible: 0, sampled: 0, dispatched: 0 },
  dropped: {},
};

function difference(now: GateCounts, before: GateCounts): GateCounts {
  return {
    not_eligible: lessOf(now.not_eligible, before.not_eligible),
    eligible: now.eligible - before.eligible,
    sampled: now.sampled - before.sampled,
    dispatched: now.dispatched - before.dispatched,
    dropped: lessOf(now.dropped, before.dropped),
  };
}

type Counts = Readonly<Record<string, number>>;

/** Counts by reason; reasons without requests are omitted. */
function lessOf(now: Counts, before: Counts): Counts {
  const changes = Object.entries(now).map(
    ([of, count]) => [of, count - (before[of] ?? 0)] as const,
  );
  return Object.fromEntries(changes.filter(([, count]) => count > 0));
}
