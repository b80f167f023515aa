import { hashText } from "../prefix/prompt-hash.ts";

/** Target model names for requests for one name, as in InferenceModel and InferenceModelRewrite. */
export interface RewriteRule {
  /** Name that requests ask for; when absent, any name without its own rule. */
  readonly model?: string;
  /**
   * Names to send to the endpoint. If some targets have a weight, those without have weight 0; if none has, all are
   * equal.
   */
  readonly targets: readonly RewriteTarget[];
  /** Whether a session always gets the same target. */
  readonly isSticky?: boolean;
}

/** A model name for the endpoint, with its share of the requests: the weight over the sum of all weights. */
export interface RewriteTarget {
  readonly model: string;
  /** At least 0. */
  readonly weight?: number;
}

/** Returns the model name to send to the endpoint; the request's own if no rule applies. */
export type ModelRewriter = (model: string, session?: string) => string;

interface Bound {
  readonly model: string;
  /** Sum of the weights up to and including this one. */
  readonly upTo: number;
}

interface Draw {
  readonly targets: readonly Bound[];
  readonly total: number;
  readonly isSticky: boolean;
}

/**
 * Creates a rewriter. If several rules are for one model, the first applies.
 *
 * @param random uniform in [0, 1)
 * @throws RangeError if a rule has no targets, or its weights are negative or all 0
 */
export function createModelRewriter(
  rules: readonly RewriteRule[],
  random: () => number = Math.random,
): ModelRewriter {
  const byModel = new Map<string | undefined, Draw>();
  for (const rule of rules) {
    const draw = drawOf(rule);
    if (!byModel.has(rule.model)) byModel.set(rule.model, draw);
  }
  return (model, session) => {
    const draw = byModel.get(model) ?? byModel.get(undefined);
    if (draw === undefined) return model;
    const isHashed = draw.isSticky && session !== undefined;
    const share = isHashed ? (hashText(session, hashText(model, 0)) >>> 0) / 2 ** 32 : random();
    const at = share * draw.total;
    const last = draw.targets.length - 1;
    let i = 0;
    while (i < last && at >= (draw.targets[i] as Bound).upTo) i++;
    return (draw.targets[i] as Bound).model;
  };
}

function drawOf({ model = "any model", targets, isSticky = false }: RewriteRule): Draw {
  const hasWeights = targets.some(({ weight }) => weight !== undefined);
  let total = 0;
  const bounds: Bound[] = [];
  for (const target of targets) {
    const weight = target.weight ?? (hasWeights ? 0 : 1);
    if (!(weight >= 0)) {
      throw new RangeError(
        `the weight of ${target.model} for ${model} is ${weight}: give it 0 or more`,
      );
    }
    total += weight;
    if (weight > 0) bounds.push({ model: target.model, upTo: total });
  }
  if (total === 0) throw new RangeError(`no target of ${model} has a weight above 0`);
  return { targets: bounds, total, isSticky };
}
