import type { Attack } from "./attack.ts";
import { clientAttacks } from "./attacks/client-attacks.ts";
import { fileAttacks } from "./attacks/file-attacks.ts";
import { adminAttacks, grpcAttacks } from "./attacks/port-attacks.ts";
import { isolation, pageAttacks, shadowAttacks } from "./attacks/server-attacks.ts";
import { type Bars, missedBars, mostLoopMs } from "./bars.ts";
import { type Measured, measure } from "./measure-attack.ts";
import { tableHead, tableRow } from "./table.ts";
import { startTarget, type Target } from "./target.ts";

export const attacks: readonly Attack[] = [
  ...clientAttacks,
  ...shadowAttacks,
  ...pageAttacks,
  isolation,
  ...grpcAttacks,
  ...adminAttacks,
  ...fileAttacks,
];

export interface CampaignOptions {
  readonly attacks: readonly Attack[];
  readonly failureModes: readonly FailureMode[];
  /** Of each attack, and of each baseline. */
  readonly seconds: number;
  readonly settleSeconds: number;
  readonly bars: Bars;
  /** An attack that misses a bar is tried so many times in all, with baselines of the same minute; 1 or more. */
  readonly tries: number;
  /** Ends the campaign, with nothing left behind. */
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

type FailureMode = "FailOpen" | "FailClose";

/** One attack with what it has missed when it was tried last. */
export interface Outcome {
  readonly name: string;
  readonly measured: Measured;
  readonly missed: readonly string[];
}

/** Tries each attack next to honest clients, against one gateway for each failure mode; prints a row for each. */
export async function runCampaign(options: CampaignOptions): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const failureMode of options.failureModes) {
    options.print(`\n${failureMode}`);
    options.print(tableHead());
    const campaign = new Campaign(failureMode, options);
    try {
      await campaign.measureBaselines();
      for (const attack of options.attacks) {
        if (options.signal.aborted) break;
        outcomes.push(await campaign.try(attack));
      }
    } finally {
      await campaign.stop();
    }
  }
  return outcomes;
}

/** Short: what the first requests cost a process must not count as a baseline. */
const warmUpSeconds = 3;

class Campaign {
  readonly #failureMode: FailureMode;
  readonly #options: CampaignOptions;
  /** Without a mirror, and with one. */
  readonly #targets: { alone?: Target; mirrored?: Target } = {};
  #baselines: Readonly<Record<"alone" | "mirrored", Measured>> | undefined;

  constructor(failureMode: FailureMode, options: CampaignOptions) {
    this.#failureMode = failureMode;
    this.#options = options;
  }

  async measureBaselines(): Promise<Readonly<Record<"alone" | "mirrored", Measured>>> {
    const { print, bars } = this.#options;
    const alone = await this.#measure("alone");
    print(tableRow("nothing, no mirror", "none", alone, []));
    const mirrored = await this.#measure("mirrored");
    const loopBar = `the loop's bar is ${mostLoopMs(mirrored.loopMs, bars).toFixed(0)} ms`;
    print(tableRow("nothing, mirrored", "none", mirrored, [loopBar]));
    this.#baselines = { alone, mirrored };
    return this.#baselines;
  }

  /** Tries an attack, and again where it misses a bar: other processes of the machine cost time, too. */
  async try(attack: Attack): Promise<Outcome> {
    for (let left = this.#options.tries; ; left--) {
      const outcome = await this.#tryOnce(attack);
      const { measured, missed } = outcome;
      this.#options.print(tableRow(attack.name, attack.way, measured, missed));
      // What one attack has done to a process must not be counted against the next.
      if (measured.isCrashed || measured.failed > 0) await this.#stop("mirrored");
      if (missed.length === 0 || left <= 1 || this.#options.signal.aborted) return outcome;
      await this.measureBaselines();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#stop("alone"), this.#stop("mirrored")]);
  }

  async #tryOnce(attack: Attack): Promise<Outcome> {
    const { alone, mirrored } = this.#baselines ?? (await this.measureBaselines());
    const measured = await this.#measure("mirrored", attack);
    const { way, name } = attack;
    const baselineP99Ms = way === "shadow" ? alone.p99Ms : mirrored.p99Ms;
    const compared = { way, measured, baselineP99Ms, baselineLoopMs: mirrored.loopMs };
    return { name, measured, missed: missedBars(compared, this.#options.bars) };
  }

  async #measure(which: "alone" | "mirrored", attack?: Attack): Promise<Measured> {
    const { seconds, settleSeconds, bars, signal } = this.#options;
    const options = { seconds, settleSeconds, spareMb: bars.keptMb, signal };
    let target = this.#targets[which];
    if (target === undefined) {
      const hasMirror = which === "mirrored";
      target = await startTarget({ failureMode: this.#failureMode, hasMirror });
      this.#targets[which] = target;
      await measure(target, undefined, { ...options, seconds: Math.min(seconds, warmUpSeconds) });
    }
    return measure(target, attack, options);
  }

  async #stop(which: "alone" | "mirrored"): Promise<void> {
    const target = this.#targets[which];
    delete this.#targets[which];
    await target?.stop();
  }
}
