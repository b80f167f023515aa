import { queueLength } from "../model/load.ts";
import type { Member } from "./member.ts";

/**
 * Addresses of the best `count` of those permitted, besides the picked one: ready, neither ejected nor avoided, fresh
 * before stale, then by queue.
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
    // Moved by hand: `splice` makes an array each time.
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

/** Longer queues rank alike, so that no queue outweighs what comes before it. */
const longestQueue = 1e9;

/** Lower is better: engines that are not ready last, endpoints that are ejected or avoided before them. */
function rankOf(member: Member): number {
  const { isEjected, isAvoided, isReady, metrics } = member;
  const age = metrics.kind === "fresh" ? 0 : metrics.kind === "stale" ? 1 : 2;
  const group = age + (isEjected || isAvoided ? 3 : 0) + (isReady ? 0 : 6);
  return group * longestQueue + Math.min(queueLength(member), longestQueue - 1);
}
