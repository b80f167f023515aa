import {
  duration,
  type EvaluationSettings,
  evaluationConfig,
  type Plan,
  planEvaluation,
} from "@umbra/shadow";
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import { collect, number } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag, mandatory, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { topologyOf } from "../resources/topology-flags.ts";
import { print, tableText } from "../tables.ts";

const planFlags = {
  rate: mandatory(
    flag("--rate <requests/s>", "eligible requests at the primary", number(0.001, 1_000_000)),
  ),
  percent: flag("--percent <share>", "share of them that is mirrored", number(0.001, 100), 100),
  file: flag(
    "-f, --file <path>",
    "resources whose first ShadowPolicy gives margins and horizon; repeatable",
    collect,
  ),
  spread: flag("--spread <sd>", "standard deviation of a pair's log ratio", number(0.01, 5), 0.35),
  discordance: flag(
    "--discordance <share>",
    "pairs in which exactly one lane has an error",
    number(0, 0.5),
    0.002,
  ),
  output: outputFlag("how the plan is printed"),
};

/** `umbra plan`: how long until each gate can be judged. */
export function planCommand(io: Io): Command {
  return commandOf("plan", {
    summary: "estimate how long an evaluation takes",
    description:
      "Estimates for equal lanes, at 80 % power, how long it takes until each gate can be judged.",
    examples: ["umbra plan --rate 20 --percent 25"],
    flags: [planFlags],
  }).action((flags: FlagsOf<typeof planFlags>) => {
    const { rate: ratePerSecond, percent, spread: logRatioSd, discordance } = flags;
    const config = evaluationConfig(settingsOf(flags.file, io));
    const plan = planEvaluation({ config, ratePerSecond, percent, logRatioSd, discordance });
    print(flags.output, plan, planTable(plan), io);
  });
}

function settingsOf(file: readonly string[] | undefined, io: Io): EvaluationSettings | undefined {
  if (file === undefined) return undefined;
  const { topology } = topologyOf({ file }, io);
  const mirror = topology.mirrors.find(({ policy }) => policy !== undefined);
  if (mirror === undefined) throw new UsageError("the files have no ShadowPolicy that holds");
  return mirror.evaluation;
}

function planTable({ gates, seconds, pairsPerSecond }: Plan): string {
  const rows = gates.map(({ id, margin, required, pairs, seconds: time }) => {
    const name = required ? id : `${id} (advisory)`;
    return [name, String(margin), pairs.toLocaleString("en-US"), duration(time)];
  });
  const table = tableText(["gate", "margin", "pairs", "time"], rows, {
    colAligns: ["left", "right", "right", "right"],
  });
  return `${table}${pairsPerSecond.toFixed(2)} pairs/s: a verdict after about ${duration(seconds)}, warm-up and horizon included.\n`;
}
