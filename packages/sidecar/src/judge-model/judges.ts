import type { JudgePolicy, Mirror } from "@umbra/envoy-config";
import type { SampleJudged } from "@umbra/shadow";
import { combineVerdicts, judgeRequest } from "@umbra/shadow/judge-model";
import type { Dispatcher } from "undici";
import type { DrawnPair, JudgedTexts } from "../answers/comparison-messages.ts";
import {
  callJudge,
  type JudgeAddress,
  type JudgeCall,
  unlessEnded,
  type WhyEnded,
  whyEnded,
} from "./judge-call.ts";
import {
  type BudgetedPolicy,
  type BudgetOfPolicy,
  createPolicyBudgets,
  type PolicyBudgets,
} from "./policy-budgets.ts";

/** Asks judge models about pairs that were drawn for them. */
export interface Judges {
  /**
   * Judges a pair of a mirror. Never rejects. A promise means that the judge is asked; at most `maxWaiting` pairs wait
   * at once. It resolves within `pairMs`, with or without a verdict, and the texts are dropped.
   */
  ask(mirror: Mirror, pair: DrawnPair): SampleJudged | Promise<SampleJudged>;
  /** False if the judge of a mirror is not asked until its policy or the pools change. Takes no time. */
  asks(mirror: Mirror): boolean;
  /** A new evaluation of the policy begins: with a new budget only if the time of the old one is over. */
  restart(policy: BudgetedPolicy): void;
  /** Names the policies that there are, so that budgets of other policies can be removed. */
  keepFor(policies: ReadonlySet<string>): void;
  /** Ends all calls, and waits until each pair that was asked about has its result. */
  close(): Promise<void>;
}

export interface JudgesOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** True if the judge is one of the lanes: its model is served by a pool, or its endpoint is one of a pool's. */
  readonly servesLane: (judge: JudgePolicy) => boolean;
  /** Number of processes that share the budget. */
  readonly processes: () => number;
  /** Where a judge is asked, with its API key. Rejects, without the key in the message, if it must not be asked or the key can't be read. */
  readonly addressOf: (judge: JudgePolicy) => Promise<JudgeAddress>;
  /** Used for all calls, and destroyed at the end. */
  readonly connections: Dispatcher;
  readonly onCall: (call: JudgeCall, costUsd: number) => void;
  /** Called for a policy whose judge is not asked: once, and again after a new evaluation of it has begun. */
  readonly onRefused: (policy: string, reason: string) => void;
  /** Timeout of a call that begins now, in ms; 30,000 when absent. */
  readonly timeoutMs?: () => number;
  /** Longest time from `ask` to the result of a pair, in ms; 60,000 when absent. */
  readonly pairMs?: number;
}

/** Most pairs whose texts wait for a judge, of all policies together. */
const maxWaiting = 32;
/** Most pairs that are judged at once. */
const maxRunning = 2;
/** Most pairs whose texts are of use. */
export const maxJudged: number = maxWaiting + maxRunning;
/** One for each order. */
const callsPerPair = 2;

export function createJudges(options: JudgesOptions): Judges {
  return new QueuedJudges(options);
}

interface PairOfJudge {
  readonly judged: Promise<SampleJudged>;
  /** Ends its calls, or its waiting for them. */
  readonly end: (why: WhyEnded) => void;
}

class QueuedJudges implements Judges {
  readonly #options: JudgesOptions;
  readonly #budgets: PolicyBudgets;
  readonly #pairs = new Set<PairOfJudge>();
  #waiting: (() => Promise<void>)[] = [];
  #running = 0;
  #isClosed = false;

  constructor(options: JudgesOptions) {
    this.#options = options;
    this.#budgets = createPolicyBudgets(options);
  }

  ask(
    mirror: Mirror,
    { pi, texts, optsOut, withheld }: DrawnPair,
  ): SampleJudged | Promise<SampleJudged> {
    const { evaluation, policy, role } = mirror;
    const { judge } = evaluation;
    if (judge === undefined || policy === undefined) return unjudged(pi, "other");
    if (optsOut === true) return unjudged(pi, "opted_out");
    const state = this.#budgets.of(policy, judge);
    if (state === undefined) return unjudged(pi, "budget");
    state.servesLane = this.#options.servesLane(judge);
    if (state.servesLane) {
      const reason = `the judge "${judge.model}" serves a lane: use another model`;
      this.#refuse(state, policy.name, reason);
      return unjudged(pi, "lane");
    }
    if (withheld !== undefined) return unjudged(pi, withheld === "secret" ? "redacted" : "other");
    const hasRoom = !this.#isClosed && this.#waiting.length < maxWaiting;
    const given = hasRoom ? texts : undefined;
    const taken = state.budget[given === undefined ? "check" : "take"](callsPerPair, role);
    if (taken !== "ok") return unjudged(pi, taken);
    if (given === undefined) return unjudged(pi, "rate");
    const { name } = policy;
    return this.#enqueue(given, { judge, pi, state, policy: name, role, made: { calls: 0 } });
  }

  asks({ evaluation, policy, role }: Mirror): boolean {
    if (evaluation.judge === undefined || policy === undefined) return false;
    const known = this.#budgets.known(policy.name);
    if (known === undefined) return true;
    return !known.servesLane && known.budget.check(callsPerPair, role) !== "budget";
  }

  restart(policy: BudgetedPolicy): void {
    this.#budgets.restart(policy);
  }

  keepFor(policies: ReadonlySet<string>): void {
    this.#budgets.keepFor(policies);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { end } of this.#pairs) end("other");
    await Promise.all([...this.#pairs].map(({ judged }) => judged));
    await this.#options.connections.destroy();
  }

  /** The result comes in time, because the sample waits for it, and with it all analyses. */
  #enqueue(texts: JudgedTexts, asked: Omit<Asked, "ending">): Promise<SampleJudged> {
    let resolve: (result: SampleJudged) => void = () => undefined;
    const judged = new Promise<SampleJudged>((settle) => {
      resolve = settle;
    });
    const ending = new AbortController();
    const waiting = async () =>
      resolve(await this.#keyAndJudge(texts, { ...asked, ending: ending.signal }));
    const end = (why: WhyEnded) => {
      ending.abort(why);
      const isWaiting = this.#waiting.includes(waiting);
      this.#waiting = this.#waiting.filter((each) => each !== waiting);
      if (isWaiting) resolve(unjudged(asked.pi, why));
    };
    const timer = setTimeout(() => end("timeout"), this.#options.pairMs ?? 60_000);
    const pair = { judged, end };
    this.#pairs.add(pair);
    void judged.then(() => {
      clearTimeout(timer);
      this.#pairs.delete(pair);
      const { state, role, made } = asked;
      state.budget.giveBack(callsPerPair - made.calls, role);
    });
    this.#waiting.push(waiting);
    this.#runNext();
    return judged;
  }

  #runNext(): void {
    while (this.#running < maxRunning) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running++;
      void next().finally(() => {
        this.#running--;
        this.#runNext();
      });
    }
  }

  async #keyAndJudge(texts: JudgedTexts, asked: Asked): Promise<SampleJudged> {
    const { judge, pi, state, policy, ending } = asked;
    try {
      const address = await unlessEnded(this.#options.addressOf(judge), ending);
      return await this.#judge(texts, asked, address);
    } catch (cause) {
      if (ending.aborted) return unjudged(pi, whyEnded(ending));
      this.#refuse(state, policy, `the judge is not asked: ${(cause as Error).message}`);
      return unjudged(pi, "other");
    }
  }

  #refuse(state: BudgetOfPolicy, policy: string, reason: string): void {
    if (state.isRefused) return;
    state.isRefused = true;
    this.#options.onRefused(policy, reason);
  }

  async #judge(
    { conversation, primary, other }: JudgedTexts,
    asked: Asked,
    address: JudgeAddress,
  ): Promise<SampleJudged> {
    const { pi, state } = asked;
    // Others may have spent it while the pair waited. What has begun is brought to its end.
    if (state.budget.isSpent) return unjudged(pi, "budget");
    const ask = (first: string, second: string) =>
      this.#call({ conversation, first, second }, asked, address);
    const ab = await ask(primary, other);
    if (ab.verdict === undefined) return unjudged(pi, ab.why ?? "other", ab.tokens);
    const ba = await ask(other, primary);
    const tokens = {
      prompt: ab.tokens.prompt + ba.tokens.prompt,
      completion: ab.tokens.completion + ba.tokens.completion,
    };
    if (ba.verdict === undefined) return unjudged(pi, ba.why ?? "other", tokens);
    return {
      ...{ w: combineVerdicts(ab.verdict, ba.verdict), ab: ab.verdict, ba: ba.verdict, pi },
      ...{ promptTokens: tokens.prompt, completionTokens: tokens.completion, why: null },
    };
  }

  async #call(
    question: Parameters<typeof judgeRequest>[0],
    { judge, state, policy, ending, made }: Asked,
    address: JudgeAddress,
  ): Promise<JudgeCall> {
    const { model, rubric, maxPromptTokens } = judge;
    const request = judgeRequest(question, {
      ...{ model, maxPromptTokens },
      rubric: rubric === "" ? undefined : rubric,
    });
    const { timeoutMs = () => 30_000, onCall, connections } = this.#options;
    const { budget } = state;
    const before = budget.costUsd ?? 0;
    const call = await callJudge(request, address, {
      ...{ timeoutMs: timeoutMs(), ending, connections },
    });
    if (call.refused !== undefined) {
      this.#refuse(state, policy, `the judge is not asked: ${call.refused}`);
      return call;
    }
    made.calls++;
    budget.spend(call.tokens);
    onCall(call, (budget.costUsd ?? 0) - before);
    return call;
  }
}

interface Asked {
  readonly judge: JudgePolicy;
  readonly state: BudgetOfPolicy;
  /** Name of the policy. */
  readonly policy: string;
  readonly pi: number;
  readonly role: Mirror["role"];
  /** Calls that the judge got. The others go back to the budget. */
  readonly made: { calls: number };
  /** Aborted when the pair must have its result, with a `WhyEnded`. */
  readonly ending: AbortSignal;
}

function unjudged(
  pi: number,
  why: NonNullable<SampleJudged["why"]>,
  tokens?: JudgeCall["tokens"],
): SampleJudged {
  return {
    ...{ w: null, ab: null, ba: null, pi, why },
    ...{ promptTokens: tokens?.prompt ?? null, completionTokens: tokens?.completion ?? null },
  };
}
