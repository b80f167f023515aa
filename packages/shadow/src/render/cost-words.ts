import type { SurvivalSummary } from "../report/behaviour.ts";
import { changeWords } from "../report/change-words.ts";
import type { Estimate, LaneCost, ReportCost } from "../report/report-cost.ts";
import type { ShadowReport } from "../report/shadow-report.ts";
import { count, number, percent, unknown } from "./format.ts";

/** Name, value of both lanes, and change of the shadow (empty if there is nothing to compare). */
export type SideRow = readonly [what: string, primary: string, shadow: string, change: string];

/** Rows of both lanes' rates, price and load. Rows that neither lane has are left out. */
export function costRows({ cost }: ShadowReport): readonly SideRow[] {
  if (cost === undefined) return [];
  const { primary, shadow } = cost;
  const row = (
    what: string,
    of: (lane: LaneCost) => number | null | undefined,
    shown: (value: number | null) => string = number,
  ): readonly SideRow[] => {
    const isCompared = / and |^price/.test(what);
    const [first, second] = [of(primary) ?? null, of(shadow) ?? null];
    if (first === null && second === null) return [];
    const isComparable = first !== null && second !== null && first > 0;
    const change = isComparable && isCompared ? changeWords(second / first, "ratio") : "";
    return [[what, shown(first), shown(second), change]];
  };
  return [
    ...row("replicas", (lane) => lane.replicas, count),
    ...row("GPUs per replica", (lane) => lane.gpus_per_replica),
    ...row("requests per second and replica", (lane) => lane.per_replica?.requests_per_s),
    ...row("output tokens per second and replica", (lane) => lane.per_replica?.tokens_per_s),
    ...row("requests per second and GPU", (lane) => lane.per_gpu?.requests_per_s),
    ...row("output tokens per second and GPU", (lane) => lane.per_gpu?.tokens_per_s),
    ...row("price per million output tokens", (lane) => lane.cost_per_million_tokens),
    ...row("running requests per endpoint", (lane) => lane.utilisation?.running),
    ...row("waiting requests per endpoint", (lane) => lane.utilisation?.waiting),
    ...row(
      "KV cache in use",
      (lane) => lane.utilisation?.kv_cache,
      (share) => percent(share, 0),
    ),
    ...missesRow(cost),
  ];
}

function missesRow({ slo_misses_per_hour: misses }: ReportCost): readonly SideRow[] {
  if (misses === null) return [];
  const { primary, shadow, difference } = misses;
  const sign = difference.estimate > 0 ? "+" : "";
  const change = `${sign}${estimateWords(difference)}`;
  return [
    ["SLO misses per hour at full traffic", estimateWords(primary), estimateWords(shadow), change],
  ];
}

/** `12 (9 to 15)` */
function estimateWords({ estimate, lower, upper }: Estimate): string {
  if (lower === null && upper === null) return number(estimate);
  return `${number(estimate)} (${number(lower)} to ${number(upper)})`;
}

/** Sentences about the replicas the shadow would need and the cost of mirroring. */
export function costSentences({ cost }: ShadowReport): readonly string[] {
  if (cost === undefined) return [];
  const { replicas_needed: needed, mirroring } = cost;
  const { requests, prompt_tokens, output_tokens, gpu_hours, primary_latency } = mirroring;
  const hours = gpu_hours === null ? "" : `, ${number(gpu_hours)} GPU-hours`;
  const price = mirroring.cost === null ? "" : `, price ${number(mirroring.cost)}`;
  const harm =
    primary_latency === null
      ? "its effect on the primary's latency is unknown"
      : `primary latency of mirrored over unmirrored requests ${harmWords(primary_latency)}`;
  return [
    ...(needed === null
      ? []
      : [
          `the peak of ${number(needed.peak_requests_per_s)} requests per second needs ${needed.basis === "demand" ? "at most " : ""}${estimateWords(needed)} replicas of the shadow at this SLO`,
        ]),
    `mirroring cost ${count(requests)} requests, ${count(prompt_tokens)} prompt and ${count(output_tokens)} output tokens${hours}${price}; ${harm}`,
  ];
}

function harmWords({ estimate, lower, upper }: Estimate): string {
  const words = (value: number | null) => (value === null ? unknown : changeWords(value, "ratio"));
  if (lower === null && upper === null) return words(estimate);
  return `${words(estimate)} (${words(lower)} to ${words(upper)})`;
}

/** Rows on how the lanes stream, reason and cache. */
export function behaviourRows({ behaviour }: ShadowReport): readonly SideRow[] {
  const { primary, shadow } = behaviour;
  const row = (
    what: string,
    first: number | null,
    second: number | null,
    shown: (value: number | null) => string,
  ): readonly SideRow[] => {
    if (first === null && second === null) return [];
    return [[what, shown(first), shown(second), ""]];
  };
  const share = (value: number | null) => percent(value, 1);
  const ms = (value: number | null) => (value === null ? unknown : `${count(value)} ms`);
  return [
    ...row("longest gap between tokens, p50", primary.stall_p50_ms, shadow.stall_p50_ms, ms),
    ...row("longest gap between tokens, p99", primary.stall_p99_ms, shadow.stall_p99_ms, ms),
    ...row("streams with a gap over 1 s", primary.stalled_share, shadow.stalled_share, share),
    ...row("time spent on reasoning", primary.reasoning_share, shadow.reasoning_share, share),
    ...row("prompt tokens from the cache", primary.cached_share, shadow.cached_share, share),
    ...survivalRows(primary.ttft_kaplan_meier, shadow.ttft_kaplan_meier),
  ];
}

/** Rows on TTFT where clients left before the first token. */
function survivalRows(
  primary: SurvivalSummary | undefined,
  shadow: SurvivalSummary | undefined,
): readonly SideRow[] {
  if (primary === undefined || shadow === undefined) return [];
  const levels = ["p50", "p90", "p99"] as const;
  const ms = (value: number | null) => (value === null ? "not seen" : `${count(value)} ms`);
  return [
    [
      "cut short before the first token",
      percent(primary.cut_share, 1),
      percent(shadow.cut_share, 1),
      "",
    ],
    ...levels.map(
      (level): SideRow => [
        `TTFT with those, ${level} (Kaplan-Meier)`,
        ms(primary[level]),
        ms(shadow[level]),
        "",
      ],
    ),
  ];
}
