import { isPerplexity } from "../compare/log-probabilities.ts";
import type { OutputPerplexity } from "../report/report-outputs.ts";
import type { SampleOutput } from "../samples/output-fields.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import type { OutputPair } from "./output-pairs.ts";

/**
 * Describes how sure each lane's model is of its own answers. The shadow's are compared with the primary's, or, if only
 * copies are asked for log probabilities, with the control's. Undefined if no answer of the shadow has any.
 */
export function describePerplexity(pairs: readonly OutputPair[]): OutputPerplexity | undefined {
  const shadow = pairs.filter(({ shadow: { ppl } }) => isKnown(ppl));
  if (shadow.length === 0) return undefined;
  const median = (of: (pair: OutputPair) => SampleOutput | undefined) =>
    medianOf(pairs.map((pair) => of(pair)?.ppl).filter(isKnown));
  const control = median((pair) => pair.control);
  return {
    n: shadow.length,
    ...{ primary: median((pair) => pair.primary), shadow: median((pair) => pair.shadow) },
    ...(control === null ? {} : { control }),
    ratio: ratioTo("primary", shadow) ?? ratioTo("control", shadow),
  };
}

/** Geometric mean over requests that both lanes answered with log probabilities; null without any. */
function ratioTo(to: "primary" | "control", pairs: readonly OutputPair[]) {
  const logs = pairs.flatMap(({ shadow: { ppl }, [to]: other }) =>
    isKnown(ppl) && isKnown(other?.ppl) ? [Math.log(ppl / other.ppl)] : [],
  );
  if (logs.length === 0) return null;
  const mean = logs.reduce((sum, each) => sum + each, 0) / logs.length;
  return { to, n: logs.length, value: Math.exp(mean) };
}

/** A file of samples may have any numbers. */
function isKnown(value: number | null | undefined): value is number {
  return typeof value === "number" && isPerplexity(value);
}

function medianOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : quantile(sorted(values), 0.5);
}
