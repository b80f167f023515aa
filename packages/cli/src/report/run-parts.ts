import type { EvaluationLine, Sample } from "@umbra/shadow";

/** Samples of one evaluation of one route and candidate. */
export interface RunPart {
  readonly samples: readonly Sample[];
  /** Absent for samples that no line of the file is about. */
  readonly line: EvaluationLine | undefined;
}

/**
 * Splits the samples of one route and candidate by evaluation. Each sample belongs to the latest evaluation that was
 * running when its request was sent. The samples outside all evaluations come last.
 */
export function runParts(
  samples: readonly Sample[],
  lines: readonly EvaluationLine[],
): readonly RunPart[] {
  const [first] = samples;
  const own = lines.filter(
    ({ route, candidate }) => route === first?.route && candidate === first.candidate,
  );
  // The line at an evaluation's end replaces the one at its start, whose requests began at or before the first sample.
  const runs: EvaluationLine[] = [];
  for (const line of own) {
    const last = runs.at(-1);
    const isSame = last !== undefined && last.closed === undefined && line.closed !== undefined;
    if (isSame && last.fromMs <= line.fromMs) runs.pop();
    runs.push(line);
  }
  const runOf = ({ t0 }: Sample) =>
    runs.findLast(({ fromMs, closed }) => t0 >= fromMs && t0 < (closed?.atMs ?? t0 + 1));
  const parts = [...Map.groupBy(samples, runOf)].map(([line, of]) => ({ line, samples: of }));
  return [
    ...parts.filter(({ line }) => line !== undefined),
    ...parts.filter(({ line }) => line === undefined),
  ];
}
