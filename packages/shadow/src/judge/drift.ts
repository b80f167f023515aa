import type { ValidityCheck } from "../report/shadow-report.ts";
import { cutBlocks } from "../statistics/blocks.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import type { GateId } from "./config.ts";
import { pairedValues, type RatioColumn } from "./ratio-gate.ts";
import { checkOf } from "./validity-check.ts";
import type { ValidityInput } from "./validity-input.ts";

const metrics: readonly (readonly [column: RatioColumn, gate: GateId])[] = [
  ["ttft", "ttft.typical"],
  ["tpot", "tpot.typical"],
  ["e2e", "e2e.typical"],
  ["whole", "whole.typical"],
];

/** Blocks of time needed in each third of the run. */
const minBlocks = 12;
/** Cosine terms within each third. The first is left out because it contains a straight trend. */
const terms = { from: 2, to: 4 };
const freedom = 3 * (terms.to - terms.from + 1);
/** Probability of a wrong warning, two-sided and over all metrics. */
const error = 0.02 / metrics.length;

/**
 * Checks whether the ratio changes during the run: compares the last third with the first, for the metric that changes
 * most. Prevents a PASS if there is a trend and the last third alone exceeds the margin of a required gate, because the
 * mean of the run then does not predict what follows.
 */
export function checkDrift(input: ValidityInput): ValidityCheck {
  const found = metrics
    .flatMap((metric) => trendOf(metric, input) ?? [])
    .toSorted((a, b) => Math.abs(b.t) - Math.abs(a.t));
  const [worst] = found;
  const crossing = found.find(({ isTrend, isOver }) => isTrend && isOver);
  const shown = crossing ?? worst;
  const text = "drift: ratio of the last third over the first third of the run";
  if (shown === undefined) {
    const note = `needs ${3 * minBlocks} blocks of time`;
    return checkOf({ id: "drift", text, value: null, limits: [1, 1], effect: "warning", note });
  }
  return {
    ...checkOf({
      ...{ id: "drift", text, value: Math.exp(shown.change), limits: [1, 1] },
      bounds: { lower: Math.exp(shown.lower), upper: Math.exp(shown.upper) },
      effect: crossing === undefined ? "warning" : "inconclusive",
      isFinal: crossing === undefined || input.isFinal,
    }),
    note: shown.isTrend ? noteOf(shown) : null,
  };
}

interface Trend {
  readonly column: RatioColumn;
  /** Mean log ratio of the last third minus that of the first third. */
  readonly change: number;
  readonly lower: number;
  readonly upper: number;
  readonly t: number;
  readonly isTrend: boolean;
  readonly first: number;
  readonly last: number;
  /** Whether the last third alone exceeds the margin of a required gate. */
  readonly isOver: boolean;
}

function trendOf(
  [column, gate]: (typeof metrics)[number],
  { table, config }: ValidityInput,
): Trend | undefined {
  const { required, margin } = config.gates[gate];
  const { atMs, logRatio } = pairedValues(table, column);
  const blocks = cutBlocks(atMs, logRatio, config.blockLengthsMs[0] ?? 10_000);
  const third = Math.floor(blocks.count / 3);
  if (third < minBlocks) return undefined;
  const thirds = [0, blocks.count - 2 * third, blocks.count - third].map((from, at) =>
    thirdOf(blocks, from, at === 0 ? blocks.count - 2 * third : third),
  );
  const [first, , last] = thirds;
  if (first === undefined || last === undefined) return undefined;
  const change = last.mean - first.mean;
  const variance = thirds.reduce((sum, each) => sum + each.variance, 0) / thirds.length;
  const se = Math.sqrt((2 * variance) / third);
  const radius = studentQuantile(1 - error / 2, freedom) * se;
  return {
    ...{ column, change, lower: change - radius, upper: change + radius },
    t: se === 0 ? 0 : change / se,
    isTrend: Math.abs(change) > radius && Math.abs(change) > 1e-9,
    first: first.mean,
    last: last.mean,
    isOver: required && change > 0 && last.mean > Math.log1p(margin),
  };
}

/** Mean of some blocks and their long-run variance. */
function thirdOf({ counts, sums }: ReturnType<typeof cutBlocks>, from: number, count: number) {
  const n = counts.subarray(from, from + count);
  const sum = sums.subarray(from, from + count);
  const total = n.reduce((all, each) => all + each, 0);
  const mean = sum.reduce((all, each) => all + each, 0) / total;
  const influence = n.map((each, k) => (count / total) * ((sum[k] ?? 0) - each * mean));
  return { mean, variance: powerOf(influence) };
}

function noteOf({ column, first, last, change }: Trend): string {
  const shown = (log: number) => `${log < 0 ? "" : "+"}${(Math.expm1(log) * 100).toFixed(1)} %`;
  const verb = change > 0 ? "gets slower" : "gets faster";
  return `the ratio changes during the run: the shadow ${verb} (${column} ${shown(first)} in the first third, ${shown(last)} in the last)`;
}

/** Long-run variance: the mean power of the cosine terms in `terms`. */
function powerOf(influence: Float64Array): number {
  let sum = 0;
  for (let j = terms.from; j <= terms.to; j++) {
    let wave = 0;
    influence.forEach((each, k) => {
      wave += each * Math.cos((Math.PI * j * (k + 0.5)) / influence.length);
    });
    sum += (2 / influence.length) * wave * wave;
  }
  return sum / (terms.to - terms.from + 1);
}
