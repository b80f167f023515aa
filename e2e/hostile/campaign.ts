import type { Attack } from "./attack.ts";
import { clientAttacks } from "./attacks/client-attacks.ts";
import { fileAttacks } from "./attacks/file-attacks.ts";
import { adminAttacks, grpcAttacks } from "./attacks/port-attacks.ts";
import { isolation, pageAttacks, shadowAttacks } from "./attacks/server-attacks.ts";
import { type Bars, missedBars } from "./bars.ts";
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
  readonly failureModes: readonly ("FailOpen" | "FailClose")[];
  /** Of each attack, and of each baseline. */
  readonly seconds: number;
  readonly settleSeconds: number;
  readonly bars: Bars;
  /** Ends the campaign, with nothing left behind. */
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** One attack with what it has missed. */
export interface Outcome {
  readonly name: string;
  readonly measured: Measured;
  readonly missed: readonly string[];
}

/** Tries each attack beside honest clients, against one gateway for each failure mode; prints a row for each. */
export async function runCampaign(options: CampaignOptions): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const failureMode of options.failureModes) {
    options.print(`\n${failureMode}`);
    options.print(tableHead());
    const alone = await baseline(options, failureMode);
    let target = await startTarget({ failureMode, hasMirror: true });
    try {
      const mirrored = await measureOne(target, undefined, options);
      options.print(tableRow("nothing, mirrored", "none", mirrored, []));
      for (const attack of options.attacks) {
        if (options.signal.aborted) break;
        const measured = await measureOne(target, attack, options);
        const { way, name } = attack;
        const baselineP99Ms = way === "shadow" ? alone.p99Ms : mirrored.p99Ms;
        const compared = { way, measured, baselineP99Ms, baselineLoopMs: mirrored.loopMs };
        const missed = missedBars(compared, options.bars);
        options.print(tableRow(name, way, measured, missed));
        outcomes.push({ name, measured, missed });
        // What one attack has done to a process must not be counted against the next.
        if (measured.isCrashed || measured.failed > 0) {
          await target.stop();
          target = await startTarget({ failureMode, hasMirror: true });
        }
      }
    } finally {
      await target.stop();
    }
  }
  return outcomes;
}

/** What the primary is like that has no shadow. */
async function baseline(
  options: CampaignOptions,
  failureMode: "FailOpen" | "FailClose",
): Promise<Measured> {
  const target = await startTarget({ failureMode, hasMirror: false });
  try {
    const alone = await measureOne(target, undefined, options);
    options.print(tableRow("nothing, no mirror", "none", alone, []));
    return alone;
  } finally {
    await target.stop();
  }
}

function measureOne(
  target: Target,
  attack: Attack | undefined,
  { seconds, settleSeconds, bars, signal }: CampaignOptions,
): Promise<Measured> {
  return measure(target, attack, { seconds, settleSeconds, spareMb: bars.keptMb, signal });
}
