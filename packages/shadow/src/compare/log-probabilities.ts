/** A token of an answer with its log probability in nats, and the likeliest tokens at its place. */
export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly top: readonly { readonly token: string; readonly logprob: number }[];
}

/** How the log probabilities of two answers differ, in nats. */
export interface LogprobDrift {
  /** Number of tokens in the common prefix, where both models see the same context. */
  readonly tokens: number;
  /** Mean of |second - first| on the prefix; null without one. */
  readonly meanAbs: number | null;
  /** Mean of second - first on the prefix; null without one. */
  readonly meanDiff: number | null;
  /** Index of the first token that differs; null if one answer is the start of the other. */
  readonly at: number | null;
  /** Larger of the two gaps between the token chosen and the other's; null if one list lacks the other's token. */
  readonly gap: number | null;
  /** Whether the first different tokens were about equally likely (gap at most ln 2); null if none differ. */
  readonly isNearTie: boolean | null;
}

/** Compares two answers on their common prefix of tokens, and at the first token that differs. */
export function logprobDrift(
  first: readonly TokenLogprob[],
  second: readonly TokenLogprob[],
): LogprobDrift {
  const shorter = Math.min(first.length, second.length);
  let [tokens, absolute, difference] = [0, 0, 0];
  for (; tokens < shorter; tokens++) {
    const [a, b] = [first[tokens], second[tokens]];
    if (a === undefined || b === undefined || a.token !== b.token) break;
    absolute += Math.abs(b.logprob - a.logprob);
    difference += b.logprob - a.logprob;
  }
  const drift = {
    tokens,
    meanAbs: tokens === 0 ? null : absolute / tokens,
    meanDiff: tokens === 0 ? null : difference / tokens,
  };
  const [a, b] = [first[tokens], second[tokens]];
  if (a === undefined || b === undefined) return { ...drift, at: null, gap: null, isNearTie: null };
  const [otherInFirst, otherInSecond] = [logprobIn(a, b.token), logprobIn(b, a.token)];
  const gap =
    otherInFirst === undefined || otherInSecond === undefined
      ? null
      : Math.max(a.logprob - otherInFirst, b.logprob - otherInSecond);
  return { ...drift, at: tokens, gap, isNearTie: gap !== null && gap <= Math.LN2 };
}

function logprobIn({ top }: TokenLogprob, token: string): number | undefined {
  return top.find((each) => each.token === token)?.logprob;
}

/** Perplexity of an answer for the model that wrote it: exp(-mean log probability). Null without tokens, or if it can't be one. */
export function perplexityOf(tokens: readonly TokenLogprob[]): number | null {
  return perplexity(
    tokens.length,
    tokens.reduce((total, { logprob }) => total + logprob, 0),
  );
}

/** Perplexity, from the sum of the log probabilities of all tokens. Null without tokens, or if it can't be one. */
export function perplexity(tokens: number, sum: number): number | null {
  if (tokens === 0) return null;
  const value = Math.exp(-sum / tokens);
  return isPerplexity(value) ? value : null;
}

/** A vocabulary has far fewer tokens: a server that reports more has not computed them. */
const maxPerplexity = 1e9;

/** False for a value that no log probabilities lead to, so that means and ratios of other values are finite. */
export function isPerplexity(value: number): boolean {
  return value >= 1 / maxPerplexity && value <= maxPerplexity;
}
