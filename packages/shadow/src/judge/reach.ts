import type { EvaluationConfig } from "./config.ts";

/** What a mirror may use, as far as a verdict depends on it. */
export interface MirrorLimits {
  readonly maxRequests: number;
  readonly maxDurationMs: number;
  /** Absent: no limit. */
  readonly maxRequestsPerSecond?: number;
}

/** Why an evaluation can't reach a verdict, or may not. */
export interface ReachProblem {
  readonly severity: "error" | "warning";
  readonly field: "horizon" | "maxRequests" | "maxRequestsPerSecond" | "maxDuration";
  readonly message: string;
  readonly remedy: string;
}

/** Blocks of time that a required gate needs. */
const neededBlocks = 20;
/** Mirroring goes on this much longer than the horizon, for traffic that is slower than planned. */
const spareTime = 1.5;

/** Checks horizon, least pairs and budget against each other. */
export function reachProblems(
  config: Pick<EvaluationConfig, "horizonMs" | "warmupMs" | "minPairs" | "blockLengthsMs">,
  limits: MirrorLimits,
): readonly ReachProblem[] {
  return [...tooShort(config, limits), ...tooFew(config, limits), ...endsEarly(config, limits)];
}

function tooShort(
  { horizonMs, warmupMs, blockLengthsMs }: Parameters<typeof reachProblems>[0],
  { maxDurationMs }: MirrorLimits,
): readonly ReachProblem[] {
  const blockMs = blockLengthsMs[0] ?? 10_000;
  const runMs = Math.min(horizonMs, maxDurationMs);
  const blocks = Math.max(0, Math.floor((runMs - warmupMs) / blockMs));
  if (blocks >= neededBlocks) return [];
  const field = horizonMs <= maxDurationMs ? "horizon" : "maxDuration";
  const behind = warmupMs === 0 ? "" : ` behind the warm-up of ${span(warmupMs)}`;
  return [
    {
      severity: "error",
      field,
      message: `\`${field}\` of ${span(runMs)} holds ${blocks} blocks of ${span(blockMs)}${behind}, and a gate needs ${neededBlocks}: it can never be judged`,
      remedy: `make \`${field}\` at least ${span(warmupMs + neededBlocks * blockMs)}, or \`warmup\` or \`blockLengths\` shorter`,
    },
  ];
}

function tooFew(
  { minPairs }: Pick<EvaluationConfig, "minPairs">,
  { maxRequests, maxRequestsPerSecond, maxDurationMs }: MirrorLimits,
): readonly ReachProblem[] {
  if (maxRequests < minPairs) {
    const message = `\`maxRequests\` of ${maxRequests} ends the mirroring before the ${minPairs} pairs of \`minPairs\` are there`;
    const remedy = `make \`maxRequests\` at least ${Math.ceil(minPairs * spareTime)}, or \`minPairs\` smaller`;
    return [{ severity: "error", field: "maxRequests", message, remedy }];
  }
  const most = (maxRequestsPerSecond ?? Number.POSITIVE_INFINITY) * (maxDurationMs / 1_000);
  if (most >= minPairs) return [];
  const message = `${maxRequestsPerSecond} requests/s for ${span(maxDurationMs)} are at most ${Math.floor(most)} pairs, and \`minPairs\` is ${minPairs}`;
  const rate = Math.ceil((minPairs / (maxDurationMs / 1_000)) * 150) / 100;
  const remedy = `make \`maxRequestsPerSecond\` at least ${rate}, or \`maxDuration\` longer`;
  return [{ severity: "error", field: "maxRequestsPerSecond", message, remedy }];
}

function endsEarly(
  { horizonMs, warmupMs, minPairs }: Parameters<typeof reachProblems>[0],
  { maxDurationMs }: MirrorLimits,
): readonly ReachProblem[] {
  if (maxDurationMs >= horizonMs * spareTime) return [];
  const rate = minPairs / (Math.max(1_000, maxDurationMs - warmupMs) / 1_000);
  const message = `\`maxDuration\` of ${span(maxDurationMs)} leaves no time beyond the horizon of ${span(horizonMs)}: under ${rate.toFixed(2)} mirrored requests/s it ends with fewer than ${minPairs} pairs, and no verdict`;
  const remedy = `make \`maxDuration\` at least ${span(horizonMs * spareTime)}`;
  return [{ severity: "warning", field: "maxDuration", message, remedy }];
}

/** As a manifest has it: `1h30m`. */
function span(ms: number): string {
  const parts = [
    [Math.floor(ms / 3_600_000), "h"],
    [Math.floor(ms / 60_000) % 60, "m"],
    [Math.floor(ms / 1_000) % 60, "s"],
    [Math.ceil(ms) % 1_000, "ms"],
  ] as const;
  const text = parts.flatMap(([count, unit]) => (count === 0 ? [] : `${count}${unit}`)).join("");
  return text === "" ? "0s" : text;
}
