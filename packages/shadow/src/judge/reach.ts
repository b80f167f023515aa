import type { EvaluationConfig } from "./config.ts";

/** Limits of a mirror that affect the verdict. */
export interface MirrorLimits {
  readonly maxRequests: number;
  readonly maxDurationMs: number;
  /** Absent: no limit. */
  readonly maxRequestsPerSecond?: number;
}

/** A reason why an evaluation can't or may not reach a verdict. */
export interface ReachProblem {
  readonly severity: "error" | "warning";
  readonly field: "horizon" | "maxRequests" | "maxRequestsPerSecond" | "maxDuration";
  readonly message: string;
  readonly remedy: string;
}

/** Time blocks needed by a required gate. */
const neededBlocks = 20;
/** Factor by which mirroring should outlast the horizon, in case traffic is slower than planned. */
const spareTime = 1.5;

/** Checks horizon, `minPairs` and budget against each other. */
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
  const behind = warmupMs === 0 ? "" : ` after the warm-up of ${span(warmupMs)}`;
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
    const message = `\`maxRequests\` of ${maxRequests} ends mirroring before \`minPairs\` (${minPairs}) is reached`;
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

/** A duration as in a manifest: `1h30m`. */
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
