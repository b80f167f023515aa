import type { JudgePolicy, Mirror } from "@umbra/envoy-config";
import type { SampleJudged } from "@umbra/shadow";
import {
  combineVerdicts,
  createJudgeBudget,
  type JudgeBudget,
  judgeRequest,
} from "@umbra/shadow/judge-model";
import type { DrawnPair, JudgedTexts } from "../answers/comparison-messages.ts";
import { callJudge, type JudgeAddress, type JudgeCall } from "./judge-call.ts";

/** Asks judge models about pairs that were drawn for them. */
export interface Judges {
  /**
   * Judges a pair of a mirror. Never rejects. A promise means that the judge is asked; at most `maxWaiting` pairs wait
   * at once, and the texts are dropped with the last call.
   */
  ask(mirror: Mirror, pair: DrawnPair): SampleJudged | Promise<SampleJudged>;
  /** Number of pairs whose texts could be taken at this moment. */
  readonly room: number;
  /** A new evaluation of the policy begins, with a budget of its own. */
  restart(policy: string): void;
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
  readonly onCall: (call: JudgeCall, costUsd: number) => void;
  /** Called once for each policy whose judge is not asked. */
  readonly onRefused: (policy: string, reason: string) => void;
  /** Timeout of a call, in ms; 30,000 when absent. */
  readonly timeoutMs?: number;
}

/** Most pairs whose texts wait for a judge, of all policies together. */
const maxWaiting = 32;
/** Most pairs that are judged at once. */
const maxRunning = 2;
/** One for each order. */
const callsPerPair = 2;

export function createJudges(options: JudgesOptions): Judges {
  return new QueuedJudges(options);
}

interface Waiting {
  readonly run: () => Promise<void>;
}

interface PolicyBudget {
  /** The settings that it was created for. */
  readonly settings: string;
  readonly budget: JudgeBudget;
}

class QueuedJudges implements Judges {
  readonly #options: JudgesOptions;
  readonly #budgets = new Map<string, PolicyBudget>();
  readonly #refused = new Set<string>();
  readonly #closing = new AbortController();
  readonly #pending = new Set<Promise<SampleJudged>>();
  #waiting: Waiting[] = [];
  #running = 0;

  constructor(options: JudgesOptions) {
    this.#options = options;
  }

  get room(): number {
    return this.#closing.signal.aborted ? 0 : maxWaiting - this.#waiting.length;
  }

  ask(
    mirror: Mirror,
    { pi, texts, optsOut, withheld }: DrawnPair,
  ): SampleJudged | Promise<SampleJudged> {
    const { evaluation, policy, role } = mirror;
    const { judge } = evaluation;
    if (judge === undefined || policy === undefined) return unjudged(pi, "other");
    if (optsOut === true) return unjudged(pi, "opted_out");
    if (this.#options.servesLane(judge)) {
      this.#refuse(policy.name, `the judge "${judge.model}" serves a lane: use another model`);
      return unjudged(pi, "lane");
    }
    const budget = this.#budgetOf(judge, policy.name);
    if (withheld !== undefined) return unjudged(pi, withheld === "secret" ? "redacted" : "other");
    const given = this.room === 0 ? undefined : texts;
    const taken = budget.take(given === undefined ? 0 : callsPerPair, role);
    if (taken !== "ok") return unjudged(pi, taken);
    if (given === undefined) return unjudged(pi, "rate");
    const judged = new Promise<SampleJudged>((resolve) => {
      this.#waiting.push({
        run: async () =>
          resolve(await this.#keyAndJudge(given, { judge, budget, pi }, policy.name)),
      });
      this.#runNext();
    });
    this.#pending.add(judged);
    void judged.then(() => this.#pending.delete(judged));
    return judged;
  }

  restart(policy: string): void {
    this.#budgets.delete(policy);
    this.#refused.delete(policy);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#pending);
  }

  #runNext(): void {
    while (this.#running < maxRunning) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running++;
      void next.run().finally(() => {
        this.#running--;
        this.#runNext();
      });
    }
  }

  async #keyAndJudge(
    texts: JudgedTexts,
    asked: Omit<Asked, "address">,
    policy: string,
  ): Promise<SampleJudged> {
    const { judge, pi } = asked;
    try {
      const address = await this.#options.addressOf(judge);
      return await this.#judge(texts, { ...asked, address });
    } catch (cause) {
      this.#refuse(policy, `the judge is not asked: ${(cause as Error).message}`);
      return unjudged(pi, "other");
    }
  }

  #refuse(policy: string, reason: string): void {
    if (this.#refused.has(policy)) return;
    this.#refused.add(policy);
    this.#options.onRefused(policy, reason);
  }

  #budgetOf(judge: JudgePolicy, policy: string): JudgeBudget {
    const settings = JSON.stringify(judge);
    const known = this.#budgets.get(policy);
    if (known?.settings === settings) return known.budget;
    const { now, processes } = this.#options;
    const budget = createJudgeBudget(judge, now, processes);
    this.#budgets.set(policy, { settings, budget });
    return budget;
  }

  async #judge(
    { conversation, primary, other }: JudgedTexts,
    { judge, address, budget, pi }: Asked,
  ): Promise<SampleJudged> {
    const ask = (first: string, second: string) =>
      this.#call({ conversation, first, second }, { judge, address, budget });
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
    { judge, address, budget }: Omit<Asked, "pi">,
  ): Promise<JudgeCall> {
    const { model, rubric, maxPromptTokens } = judge;
    const request = judgeRequest(question, {
      ...{ model, maxPromptTokens },
      rubric: rubric === "" ? undefined : rubric,
    });
    const { timeoutMs = 30_000, onCall } = this.#options;
    const { signal: closing } = this.#closing;
    const before = budget.costUsd ?? 0;
    const call = await callJudge(request, address, { timeoutMs, closing });
    budget.spend(call.tokens);
    onCall(call, (budget.costUsd ?? 0) - before);
    return call;
  }
}

interface Asked {
  readonly judge: JudgePolicy;
  readonly address: JudgeAddress;
  readonly budget: JudgeBudget;
  readonly pi: number;
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
