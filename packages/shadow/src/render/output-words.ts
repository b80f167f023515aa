import { changesApart } from "../report/change-words.ts";
import type { ReportJudge } from "../report/report-judge.ts";
import type { OutputAgreement, ReportOutputs } from "../report/report-outputs.ts";
import type { GateResult, ShadowReport } from "../report/shadow-report.ts";
import { count, percent, unknown } from "./format.ts";

/** Sentences about what the answers say; none if the report does not tell. Those about a judge model are apart. */
export function outputSentences({ outputs, gates }: ShadowReport): readonly string[] {
  if (outputs === null) return [];
  const { agreement, tools, logprob, perplexity } = outputs;
  return [
    ...agreement.map((each) => agreementSentence(each, outputs)),
    ...(tools === null ? [] : [toolSentence(tools)]),
    ...(logprob === null ? [] : [logprobSentence(logprob)]),
    ...(perplexity === undefined ? [] : [perplexitySentence(perplexity)]),
    ...gates.flatMap((gate) => allPairsSentence(gate)),
    coverageSentence(outputs),
    ...similaritySentences(outputs),
    ...(outputs.judge === undefined ? [] : [sentSentence(outputs.judge)]),
    "no text of a prompt or an answer was kept; refusals are found by API flags and by English phrases (list en-1)",
  ];
}

/** `greedy answers are the same in 55 % of 1,210 pairs; the primary agrees with itself in 71 %` */
function agreementSentence(
  { bucket, n, exact, exact_floor: floor, sim, sim_floor: simFloor }: OutputAgreement,
  { floor: control }: ReportOutputs,
): string {
  const which = bucket === "all" ? "answers" : `${bucket} answers`;
  const found = `${which} are the same in ${percent(exact, 0)} of ${count(n)} pairs, similarity ${decimals(sim)}`;
  if (control === null) {
    return bucket === "all"
      ? `${found}; how far the primary agrees with itself is not known: add a control mirror`
      : found;
  }
  if (floor === null || simFloor === null) return found;
  return `${found}; the primary agrees with itself in ${percent(floor, 0)}, similarity ${decimals(simFloor)}`;
}

function toolSentence({ n, levels }: NonNullable<ReportOutputs["tools"]>): string {
  const list = levels
    .filter(([, pairs]) => pairs > 0)
    .map(([level, pairs]) => `${level} ${count(pairs)}`);
  return `tool calls of ${count(n)} pairs: ${list.join(", ")}`;
}

function logprobSentence({
  n,
  abs,
  diff,
  near_tie,
  floor,
}: NonNullable<ReportOutputs["logprob"]>): string {
  const nats = (value: number | null) => (value === null ? unknown : value.toFixed(3));
  const ties =
    near_tie === null ? "" : `, ${percent(near_tie, 0)} of the first differences are near ties`;
  return `log probabilities of ${count(n)} pairs: ${nats(abs)} nats apart, difference ${nats(diff)}${ties}${
    floor === undefined
      ? ""
      : `; of ${count(floor.triples)} with a control, ${nats(floor.excess)} further than the control's own ${nats(floor.abs)}`
  }`;
}

/** `perplexity of the shadow's own answers: median 1.310, 1.020 times the control's over 40 requests` */
function perplexitySentence({ shadow, ratio }: NonNullable<ReportOutputs["perplexity"]>): string {
  const own = `perplexity of the shadow's own answers: median ${shadow === null ? unknown : decimals(shadow)}`;
  if (ratio === null) return `${own}; no other lane has log probabilities: add a control mirror`;
  const { to, n, value } = ratio;
  return `${own}, ${decimals(value)} times the ${to}'s over ${count(n)} requests`;
}

function coverageSentence({ compared, coverage, skipped, cut }: ReportOutputs): string {
  const reasons = Object.entries(skipped).map(([why, pairs]) => `${count(pairs)} ${why}`);
  const left = reasons.length === 0 ? "" : `; not compared: ${reasons.join(", ")}`;
  const long = cut === 0 ? "" : `; of ${count(cut)} only the start`;
  return `${count(compared)} pairs compared, ${percent(coverage, 0)} of those that are ok${long}${left}`;
}

/** What `similarity` is, where it is not that of all texts. */
function similaritySentences({ mode, agreement }: ReportOutputs): readonly string[] {
  const all = agreement.find(({ bucket }) => bucket === "all");
  const measured = all?.sim_n;
  const kind =
    mode === "sketch"
      ? ["similarity is estimated from hashes of runs of five characters (mode sketch)"]
      : [];
  if (all === undefined || measured === undefined) return kind;
  const share = percent(measured / all.n, 0);
  const why = "comparing answers takes at most a fifth of a core";
  return [
    ...kind,
    measured === 0
      ? "similarity was not measured"
      : `similarity was measured in ${share} of the pairs: ${why}`,
  ];
}

function decimals(value: number): string {
  return value.toFixed(3);
}

/** `out.exact: +13.75 pp over 300 requests with a control, +12.10 pp if the other pairs are used too` */
function allPairsSentence({ id, n, estimate, estimate_all: all }: GateResult): readonly string[] {
  if (all === undefined || all === null || estimate === null) return [];
  const [own, wider] = changesApart([estimate, all], [], "rate");
  if (own === wider) return [];
  return [
    `${id}: ${own} over ${count(n)} requests with a control, ${wider} if the other pairs are used too`,
  ];
}

function sentSentence({ pairs }: ReportJudge): string {
  return `both answers of ${count(pairs)} pairs were sent to the judge model`;
}
