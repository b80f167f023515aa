import {
  type EvaluationSettings,
  evaluationConfig,
  type Plan,
  planEvaluation,
} from "@umbra/shadow";
import { printableJson } from "@umbra/shadow/printable";
import Table from "cli-table3";
import { Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { collect } from "../flags.ts";
import type { Io } from "../io.ts";
import { numberOf } from "../resources/host-port.ts";
import { topologyOf } from "../resources/topology-flags.ts";

interface PlanFlags {
  readonly rate: number;
  readonly percent: number;
  readonly file?: readonly string[];
  readonly spread: number;
  readonly discordance: number;
  readonly output: "table" | "json";
}

/** `umbra plan`: how long until each gate can be judged. */
export function planCommand(io: Io): Command {
  return new Command("plan")
    .summary("estimate how long an evaluation takes")
    .description(
      "Estimates for equal lanes, at 80 % power, how long it takes until each gate can be judged.",
    )
    .requiredOption(
      "--rate <requests/s>",
      "eligible requests at the primary",
      numberOf("--rate", { min: 0.001, max: 1_000_000 }),
    )
    .option(
      "--percent <share>",
      "share of them that is mirrored",
      numberOf("--percent", { min: 0.001, max: 100 }),
      100,
    )
    .option(
      "-f, --file <path>",
      "resources whose first ShadowPolicy gives margins and horizon; repeatable",
      collect,
    )
    .option(
      "--spread <sd>",
      "standard deviation of a pair's log ratio",
      numberOf("--spread", { min: 0.01, max: 5 }),
      0.35,
    )
    .option(
      "--discordance <share>",
      "pairs in which exactly one lane has an error",
      numberOf("--discordance", { min: 0, max: 0.5 }),
      0.002,
    )
    .addOption(
      new Option("-o, --output <form>", "how the plan is printed")
        .choices(["table", "json"])
        .default("table"),
    )
    .addHelpText("after", "\nExample:\n  $ umbra plan --rate 20 --percent 25")
    .action((flags: PlanFlags) => {
      const { rate: ratePerSecond, percent, spread: logRatioSd, discordance } = flags;
      const config = evaluationConfig(settingsOf(flags.file, io));
      const plan = planEvaluation({ config, ratePerSecond, percent, logRatioSd, discordance });
      io.stdout(flags.output === "json" ? `${printableJson(plan)}\n` : planTable(plan));
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
  const table = new Table({
    head: ["gate", "margin", "pairs", "time"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right"],
  });
  for (const { id, margin, required, pairs, seconds: time } of gates) {
    const name = required ? id : `${id} (advisory)`;
    table.push([name, String(margin), pairs.toLocaleString("en-US"), span(time)]);
  }
  return `${table.toString()}\n${pairsPerSecond.toFixed(2)} pairs/s: a verdict after about ${span(seconds)}, warm-up and horizon included.\n`;
}

function span(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5_400) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}
