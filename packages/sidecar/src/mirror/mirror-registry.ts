import {
  decodeMirrors,
  defaultComparison,
  type EvaluationPolicy,
  laneClusterName,
  type Mirror,
  mirrorToHeader,
  type Topology,
} from "@umbra/envoy-config";
import { isCensored, type Leg } from "@umbra/shadow";
import type { ComparisonSettings } from "../answers/comparison-messages.ts";
import type { RequestObserver } from "../decision/request-observer.ts";
import type { BudgetShare } from "./budget.ts";
import { gatesFor } from "./gates-for.ts";
import type { MirrorGate, TwinEnd } from "./mirror-gate.ts";

/** A mirror with its controller, for a pick. */
export interface GatedMirror {
  readonly mirror: Mirror;
  readonly gate: MirrorGate;
  /** The header that makes Envoy mirror the request. */
  readonly header: { readonly name: string; readonly value: string };
  /** True if its requests are measured and evaluated. */
  readonly isEvaluated: boolean;
  /** How answers are compared; undefined if they are not. */
  readonly comparison: ComparisonSettings | undefined;
}

/** A twin that its mirror controller counts. */
export interface CountedTwin {
  readonly mirror: string;
  readonly requestId: string;
  /** The controller that counted it; absent: that of the mirror's name. */
  readonly gate?: MirrorGate | undefined;
  /** True while it runs and its controller has not been notified of its end. */
  isCounted: boolean;
}

/** The twins of one request. */
export interface TwinsOfRequest {
  readonly twins: readonly CountedTwin[];
}

/**
 * Every mirror by name, and its controller. Rules of one route that mirror to one pool share a controller. Follows the
 * topology: ask it each time, because a change replaces what it returns.
 */
export interface MirrorRegistry extends RequestObserver<TwinsOfRequest> {
  /** Returns the mirrors that a stream's metadata lists. */
  of(names: string): readonly GatedMirror[];
  /** All controllers, also of mirrors that have left the topology and are not removed yet. */
  readonly gates: readonly MirrorGate[];
  /** True if the controller is one of them. */
  has(gate: MirrorGate): boolean;
  /** True while live requests name mirrors or controllers that are retired. */
  readonly isRetiring: boolean;
  /** The controller of each evaluation of the topology begun last, by key. */
  readonly judged: ReadonlyMap<string, MirrorGate>;
  /** Returns a mirror, even one that has left the topology, until it is removed. */
  get(mirror: string): GatedMirror | undefined;
  gateOf(mirror: string): MirrorGate | undefined;
  /** Sets which part of every budget is this process's, also of mirrors that come later. */
  setBudgetShare(share: BudgetShare): void;
  /** Number of processes that share every budget. */
  readonly processes: number;
  /** Notifies the twin's controller of its end, once. */
  finished(twin: CountedTwin, end?: TwinEnd): void;
  /** True if the mirror's requests are measured and evaluated. */
  isEvaluated(mirror: string): boolean;
  /**
   * Registers new mirrors and changes known ones in place. A controller keeps its counts, its breaker and its pause
   * while route, shadow pool and policy stay the same. Mirrors that the topology does not have stay until `retire`.
   */
  begin(topology: Topology): void;
  /**
   * Sends no more twins to mirrors that the topology begun last does not have. Removes those that no live request
   * names. May be called again until none is left.
   */
  retire(isNamed: (mirror: string) => boolean): void;
}

export function createMirrorRegistry(topology: Topology, now: () => number): MirrorRegistry {
  const registry = new Mirrors(now);
  registry.begin(topology);
  return registry;
}

class Mirrors implements MirrorRegistry {
  readonly #now: () => number;
  #budgetShare: BudgetShare = { of: 1, at: 0 };
  /** Mirrors of the topology begun last. */
  #current: ReadonlyMap<string, GatedMirror> = new Map();
  /** Mirrors that have left the topology, and that routes of Envoy may still name. */
  readonly #leaving = new Map<string, GatedMirror>();
  /** Mirrors that no route of Envoy names; live requests still do. */
  readonly #retired = new Map<string, GatedMirror>();
  #gates: readonly MirrorGate[] = [];
  /** The same controllers. */
  #known: ReadonlySet<MirrorGate> = new Set();
  /** Those of them that a mirror has. */
  #named: ReadonlySet<MirrorGate> = new Set();
  judged: ReadonlyMap<string, MirrorGate> = new Map();
  /** Lists of mirrors by metadata. */
  readonly #lists = new Map<string, readonly GatedMirror[]>();

  constructor(now: () => number) {
    this.#now = now;
  }

  get gates(): readonly MirrorGate[] {
    return this.#gates;
  }

  has(gate: MirrorGate): boolean {
    return this.#known.has(gate);
  }

  get isRetiring(): boolean {
    return this.#retired.size > 0 || this.#known.size > this.#named.size;
  }

  of(names: string): readonly GatedMirror[] {
    let list = this.#lists.get(names);
    if (list === undefined) {
      list = decodeMirrors(names).flatMap(
        (name) => this.#current.get(name) ?? this.#leaving.get(name) ?? [],
      );
      // The metadata comes from Envoy's configuration, so there are only as many lists as rules.
      if (this.#lists.size < 10_000) this.#lists.set(names, list);
    }
    return list;
  }

  get(mirror: string): GatedMirror | undefined {
    return this.#current.get(mirror) ?? this.#leaving.get(mirror) ?? this.#retired.get(mirror);
  }

  gateOf(mirror: string): MirrorGate | undefined {
    return this.get(mirror)?.gate;
  }

  isEvaluated(mirror: string): boolean {
    return this.get(mirror)?.isEvaluated === true;
  }

  get processes(): number {
    return this.#budgetShare.of;
  }

  setBudgetShare(share: BudgetShare): void {
    this.#budgetShare = share;
    for (const gate of this.#gates) gate.setBudgetShare(share);
  }

  begin(topology: Topology): void {
    const gates = gatesFor(topology, this.#gates, this.#now);
    for (const gate of gates.values()) gate.setBudgetShare(this.#budgetShare);
    this.judged = judgedOf([...gates.values()]);
    const judged = new Set(this.judged.values());
    const current = new Map<string, GatedMirror>();
    for (const [mirror, gate] of gates) {
      const header = { name: mirrorToHeader(mirror), value: laneClusterName(mirror.name) };
      const isEvaluated = judged.has(gate);
      const comparison = isEvaluated ? comparisonSettings(mirror.evaluation) : undefined;
      current.set(mirror.name, { mirror, gate, header, isEvaluated, comparison });
    }
    for (const [name, gated] of this.#current) this.#leaving.set(name, gated);
    for (const name of current.keys()) {
      this.#leaving.delete(name);
      this.#retired.delete(name);
    }
    this.#current = current;
    this.#listGates();
  }

  retire(isNamed: (mirror: string) => boolean): void {
    for (const [name, gated] of this.#leaving) this.#retired.set(name, gated);
    this.#leaving.clear();
    for (const name of this.#retired.keys()) {
      if (!isNamed(name)) this.#retired.delete(name);
    }
    this.#listGates();
  }

  /** A controller stays while a mirror has it, and until the last of its twins ended. */
  #listGates(): void {
    this.#lists.clear();
    const mirrors = [this.#current, this.#leaving, this.#retired];
    const running = this.#gates.filter((gate) => gate.state().inFlight > 0);
    this.#named = new Set(mirrors.flatMap((each) => [...each.values()].map(({ gate }) => gate)));
    this.#known = new Set([...this.#named, ...running]);
    this.#gates = evaluatedFirst([...this.#known]);
  }

  finished(twin: CountedTwin, end?: TwinEnd): void {
    if (!twin.isCounted) return;
    twin.isCounted = false;
    (twin.gate ?? this.gateOf(twin.mirror))?.finished(twin.requestId, end);
  }

  legEnded(leg: Leg, mirror: string | undefined, { twins }: TwinsOfRequest): void {
    const twin = twins.find((each) => each.mirror === mirror);
    if (twin === undefined) return;
    const tokens = (leg.promptTokens ?? 0) + (leg.outTokens ?? 0);
    const isError = leg.class !== "ok" && !isCensored(leg.class);
    this.finished(twin, { isError, tokens });
  }

  twinLost(mirror: string, { twins }: TwinsOfRequest): void {
    const twin = twins.find((each) => each.mirror === mirror);
    if (twin !== undefined) this.finished(twin, { isError: true, tokens: 0 });
  }

  over({ twins }: TwinsOfRequest): void {
    for (const twin of twins) this.finished(twin);
  }
}

function comparisonSettings({
  comparison = defaultComparison,
  judge,
}: EvaluationPolicy): ComparisonSettings | undefined {
  const { mode, similarity, logprobs, ...settings } = comparison;
  if (mode === "off") return undefined;
  const hasSimilarity = similarity === "chrf";
  const keepsLogprobs = logprobs !== "off";
  const judged = judge && { judged: judge.sample };
  return { ...settings, mode, hasSimilarity, keepsLogprobs, ...judged };
}

/** A route's mirrors to one pool may differ by rule. Those with a policy are evaluated and come first. */
function evaluatedFirst(gates: readonly MirrorGate[]): readonly MirrorGate[] {
  const withPolicy = (gate: MirrorGate) => Number(gate.mirror.policy !== undefined);
  return gates.toSorted((a, b) => withPolicy(b) - withPolicy(a));
}

/** The controller of each evaluation, by its key: the first one, which has a policy if any has. */
function judgedOf(gates: readonly MirrorGate[]): ReadonlyMap<string, MirrorGate> {
  return new Map(
    evaluatedFirst(gates)
      .toReversed()
      .map((gate) => [gate.key, gate]),
  );
}
