import { defaultBudget } from "@umbra/envoy-config";
import {
  duration,
  evaluationConfig,
  type Plan,
  planEvaluation,
  profileOf,
  type TrafficProfile,
} from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import { printable } from "@umbra/shadow/printable";
import { type ReachProblem, reachProblems } from "@umbra/shadow/reach";
import { erlangLoss, placesFor } from "@umbra/shadow/statistics";
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import { checked, collect, hostPort, number } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { liveProfile } from "../plan/live-profile.ts";
import { readSamples } from "../report/read-samples.ts";
import { topologyOf } from "../resources/topology-flags.ts";
import { print, tableText } from "../tables.ts";

const planFlags = {
  rate: flag(
    "--rate <requests/s>",
    "rate of eligible requests at the primary; required without --live",
    number(0.001, 1_000_000),
  ),
  percent: flag(
    "--percent <share>",
    "percentage of these requests to mirror",
    number(0.001, 100),
    100,
  ),
  samples: flag(
    "--samples <file>",
    "recorded samples of the primary, to estimate how much its latencies vary; repeatable",
    collect,
  ),
  live: flag(
    "--live <host:port>",
    "read rate, request duration and load pattern from the admin interface of this sidecar",
    checked(hostPort),
  ),
  file: flag(
    "-f, --file <path>",
    "resources; the first ShadowPolicy gives margins, horizon and budget; repeatable",
    collect,
  ),
  spread: flag(
    "--spread <sd>",
    "standard deviation of the logarithm of a pair's ratio",
    number(0.01, 5),
  ),
  loadMemory: flag("--load-memory <seconds>", "time constant of load swings", number(0, 86_400)),
  e2e: flag("--e2e <seconds>", "mean duration of a request", number(0.001, 86_400)),
  discordance: flag(
    "--discordance <share>",
    "share of pairs in which exactly one lane has an error",
    number(0, 0.5),
  ),
  output: outputFlag("output format"),
};

type PlanFlags = FlagsOf<typeof planFlags>;

/** The output of `umbra plan -o json`. */
interface PrintedPlan extends Plan {
  readonly problems: readonly Pick<ReachProblem, "severity" | "message" | "remedy">[];
}

/** `umbra plan`: estimates whether an evaluation can reach a verdict. */
export function planCommand(io: Io): Command {
  return commandOf("plan", {
    summary: "estimate what an evaluation can detect, and how long it takes",
    description:
      "Assumes equal lanes and estimates the chance of a PASS at the horizon, for each gate and overall, and the smallest detectable change. Also checks the budget against the traffic.",
    examples: [
      "umbra plan --rate 20 --percent 25",
      "umbra plan --rate 20 --percent 25 --samples primary.ndjson -f examples/mirror -f examples/evaluation",
    ],
    flags: [planFlags],
  }).action(async (flags: PlanFlags) => {
    const { settings, budget } = policyOf(flags.file, io);
    const config = evaluationConfig(settings);
    const live = flags.live === undefined ? undefined : await liveProfile(flags.live, io);
    const measured = flags.samples === undefined ? {} : await sampled(flags.samples, config, io);
    const ratePerSecond = flags.rate ?? live?.ratePerSecond;
    if (ratePerSecond === undefined)
      throw new UsageError("give --rate, or --live with a sidecar that has a report");
    const given = defined({
      ...{ logRatioSd: flags.spread, tauS: flags.loadMemory, e2eS: flags.e2e },
      discordance: flags.discordance,
    });
    const profile: Partial<TrafficProfile> = { ...measured, ...live?.profile, ...given };
    const plan = planEvaluation({ config, ratePerSecond, percent: flags.percent, profile });
    const problems = [
      ...reachProblems(config, budget),
      ...crowding(plan, budget.maxInFlight),
      ...tooSlow(plan, config.minPairs, budget.maxDurationMs),
    ];
    const printed: PrintedPlan = { ...plan, problems };
    print(flags.output, printed, planText(printed, config), io);
  });
}

function policyOf(file: readonly string[] | undefined, io: Io) {
  if (file === undefined) return { settings: undefined, budget: defaultBudget };
  const { topology } = topologyOf({ file }, io);
  const mirror = topology.mirrors.find(({ policy }) => policy !== undefined);
  if (mirror === undefined) throw new UsageError("the files have no valid ShadowPolicy");
  return { settings: mirror.evaluation, budget: mirror.policy?.budget ?? defaultBudget };
}

async function sampled(
  files: readonly string[],
  config: ReturnType<typeof evaluationConfig>,
  io: Io,
): Promise<Partial<TrafficProfile>> {
  const { samples, problems } = await readSamples(files, io.streamStdin);
  for (const problem of problems) io.stderr(`${printable(problem)}\n`);
  const { profile, requests, pairs } = profileOf(samples, config);
  const of = pairs > 0 ? ` and ${pairs} pairs` : "";
  io.stderr(
    requests < 200
      ? `${requests} measured requests are too few for a profile: assuming typical traffic\n`
      : `using the profile of ${requests} measured requests${of}\n`,
  );
  return profile;
}

/** Report drops above this share. */
const maxLoss = 0.01;

function crowding(
  { pairsPerSecond, profile: { e2eS } }: Plan,
  maxInFlight: number,
): PrintedPlan["problems"] {
  if (e2eS === undefined) return [];
  const load = pairsPerSecond * e2eS;
  const loss = erlangLoss(maxInFlight, load);
  if (loss <= maxLoss) return [];
  const percent = (loss * 100).toPrecision(2);
  return [
    {
      severity: loss > 0.05 ? "error" : "warning",
      message: `with a mean E2E of ${Number(e2eS.toPrecision(3))} s and ${Number(pairsPerSecond.toPrecision(3))} mirrored requests/s, ${percent} % are dropped by maxInFlight ${maxInFlight}`,
      remedy: `set maxInFlight to ${placesFor(load, maxLoss)}`,
    },
  ];
}

function tooSlow(
  { pairsPerSecond }: Plan,
  minPairs: number,
  maxDurationMs: number,
): PrintedPlan["problems"] {
  const most = Math.floor((pairsPerSecond * maxDurationMs) / 1_000);
  if (most >= minPairs) return [];
  const message = `the budget ends after about ${most} of ${minPairs} pairs`;
  return [{ severity: "error", message, remedy: "raise the percentage or maxDuration" }];
}

function planText(plan: PrintedPlan, { minPairs }: { readonly minPairs: number }): string {
  const { gates, pairsPerSecond, profile, power, seconds, problems } = plan;
  const rows = gates.map(({ id, margin, required, power: own, detectable, seconds: time }) => [
    required ? id : `${id} (advisory)`,
    percentOf(margin),
    percentOf(detectable > 1 ? detectable - 1 : detectable),
    `${Math.round(own * 100)} %`,
    time === null ? "more than a week" : duration(time),
  ]);
  const head = ["gate", "margin", "sees", "power", "time to 80 %"];
  const colAligns = ["left", "right", "right", "right", "right"] as const;
  const table = tableText(head, rows, { colAligns: [...colAligns] });
  const supposed = `load swings of ${Number(profile.tauS.toPrecision(2))} s, spread ${profile.logRatioSd.toFixed(2)}`;
  const lines = [
    `${pairsPerSecond.toFixed(2)} pairs/s, ${plan.pairs.toFixed(0)} at the horizon; ${supposed}.`,
    plan.isShortOfPairs
      ? `A PASS is impossible: the horizon gives fewer pairs than minPairs (${minPairs}).`
      : `Estimated chance that equal lanes pass all required gates: ${Math.round(power * 100)} %.`,
    seconds === null
      ? "A chance of 80 % takes more than a week: mirror more requests or widen the margins."
      : `For a chance of 80 %, set the horizon to about ${duration(seconds)}, warm-up included.`,
    ...problems.map(({ severity, message, remedy }) => `${severity}: ${message}: ${remedy}`),
  ];
  return `${table}${lines.join("\n")}\n`;
}

function percentOf(share: number): string {
  return Number.isFinite(share) ? `${Number((share * 100).toPrecision(2))} %` : "-";
}
