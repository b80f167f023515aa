import { type Mirror, resourceName } from "@umbra/envoy-config";
import type { DropReason, FunnelCounts } from "@umbra/shadow";
import { createBreaker } from "./breaker.ts";
import { type Budget, type BudgetLimits, createBudget } from "./budget.ts";
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
  const { now } = options;
  let { mirror } = options;
  const { pool: candidate } = mirror;
  const route = resourceName(mirror.origin.route);
  const key = evaluationKey(route, candidate);
  // Candidates of one policy sample the same requests, so that they can be compared.
  const samplingKey = `umbra sampling ${mirror.policy?.name ?? route}`;
  const budget = createBudget(limitsOf(options), now);
  const breaker = createBreaker(now);
  const dropped: Record<string, number> = {};
  const notEligible: Partial<Record<IneligibleReason, number>> = {};
  let [eligible, sampled, mirrored] = [0, 0, 0];
  /** Counts when the evaluation began. */
  let before = noCounts;
  let { perMillion } = mirror;
  let pausedBy: MirrorState["pausedBy"] = null;
  let startedAtMs: number | undefined;

  function countsSoFar(): GateCounts {
    return {
      not_eligible: { ...notEligible },
      ...{ eligible, sampled, dispatched: mirrored },
      dropped: { ...dropped },
    };
  }

  function dropReason(request: RequestView): DropReason | undefined {
    if (pausedBy === "stopped" || pausedBy === "unjudged") return "paused";
    if (pausedBy !== null) return pausedBy;
    // Checks the budget first: an exhausted budget must not use up the breaker's trial.
    if (breaker.state === "open") return "breaker";
    const reason = budget.take(request.body.length);
    if (reason !== undefined) return reason;
    if (mirror.policy === undefined || breaker.admits(request.requestId)) return undefined;
    budget.giveBack();
    return "breaker";
  }

  return {
    key,
    route,
    candidate,
    get mirror() {
      return mirror;
    },
    startedAtMs: () => startedAtMs,
    decide(request) {
      const { policy, sampling } = mirror;
      const reason = policy === undefined ? undefined : ineligibleFor(request, policy.eligible);
      if (reason !== undefined) {
        notEligible[reason] = (notEligible[reason] ?? 0) + 1;
        return { kind: "ineligible" };
      }
      eligible++;
      const name = sessionOf(request, sampling);
      const session = name === undefined ? {} : { session: name };
      // Sampling is not needed if all requests are mirrored.
      const isDrawn =
        perMillion >= 1_000_000 ||
        shareOf(samplingKey, name ?? request.requestId) * 1_000_000 < perMillion;
      if (!isDrawn) return { kind: "unmirrored", drop: undefined, ...session };
      sampled++;
      const drop = dropReason(request);
      if (drop !== undefined) {
        dropped[drop] = (dropped[drop] ?? 0) + 1;
        return { kind: "unmirrored", drop, ...session };
      }
      mirrored++;
      startedAtMs ??= now();
      return { kind: "mirrored", ...session };
    },
    finished(requestId, end) {
      budget.giveBack();
      if (end === undefined) return breaker.giveUp(requestId);
      budget.spend(end.tokens);
      if (mirror.policy !== undefined) breaker.record(requestId, end.isError);
    },
    change(next, maxBodyBytes) {
      if (next.perMillion !== mirror.perMillion) perMillion = next.perMillion;
      mirror = next;
      budget.setLimits(limitsOf({ mirror, maxBodyBytes }));
    },
    restart() {
      before = countsSoFar();
      startedAtMs = undefined;
      budget.restart();
    },
    setShare(share) {
      perMillion = share;
    },
    pause(reason) {
      if (pausedBy !== "stopped") pausedBy = reason;
    },
    resume() {
      if (pausedBy !== "stopped") pausedBy = null;
    },
    stop() {
      pausedBy = "stopped";
    },
    state: () => ({
      name: key,
      route,
      candidate,
      policy: mirror.policy?.name ?? null,
      role: mirror.role,
      percent: perMillion / 10_000,
      by: mirror.sampling.by,
      paused: pausedBy !== null,
      pausedBy,
      breaker: breaker.state,
      inFlight: budget.inFlight,
      notEligible,
      eligible,
      sampled,
      mirrored,
      dropped,
      budgetUsed: budget.used,
    }),
    counts: () => difference(countsSoFar(), before),
  };
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
