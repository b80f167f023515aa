import { queueLength } from "../model/load.ts";
import type { Member } from "./member.ts";

/**
 * Returns up to `count` addresses of permitted members other than the picked one, best first: ready engines first, then
 * those neither ejected nor avoided, then those with fresh metrics, then shorter queues.
 */
export function nextBest(
  members: readonly Member[],
  picked: Member,
  count: number,
  isPermitted: (member: Member) => boolean,
): readonly string[] {
  if (count === 0 || members.length === 1) return [];
  const best: string[] = [];
  const ranks: number[] = [];
  let worst = Number.POSITIVE_INFINITY;
  for (const member of members) {
    const rank = rankOf(member);
    if ((best.length === count && rank >= worst) || member === picked || !isPermitted(member)) {
      continue;
    }
    let at = Math.min(best.length, count - 1);
    // `splice` would allocate an array each time.
    for (; at > 0 && (ranks[at - 1] as number) > rank; at--) {
      ranks[at] = ranks[at - 1] as number;
      best[at] = best[at - 1] as string;
    }
    ranks[at] = rank;
    best[at] = member.address;
    worst = ranks[ranks.length - 1] as number;
  }
  return best;
}

/** Longer queues rank the same, so that a queue never outweighs the other criteria. */
const longestQueue = 1e9;

/** Lower is better. Engines that are not ready come last, ejected or avoided endpoints just before them. */
function rankOf(member: Member): number {
  const { isEjected, isAvoided, isReady, metrics } = member;
  const age = metrics.kind === "fresh" ? 0 : metrics.kind === "stale" ? 1 : 2;
  const group = age + (isEjected || isAvoided ? 3 : 0) + (isReady ? 0 : 6);
  return group * longestQueue + Math.min(queueLength(member), longestQueue - 1);
}
