import { isReady, queueLength } from "../model/load.ts";
import type { Member } from "./member.ts";

/** The best `count` of those permitted, besides the picked one: ready, neither ejected nor avoided, fresh before stale, then by queue. */
export function nextBest(
  members: readonly Member[],
  picked: Member,
  count: number,
  isPermitted: (member: Member) => boolean,
): readonly string[] {
  if (count === 0 || members.length === 1) return [];
  const best: Member[] = [];
  for (const member of members) {
    if (member === picked) continue;
    let at = best.length;
    while (at > 0 && isBetter(member, best[at - 1] as Member)) at--;
    if (at >= count || !isPermitted(member)) continue;
    // Moved by hand: `splice` makes an array each time.
    if (best.length < count) best.push(member);
    for (let i = best.length - 1; i > at; i--) best[i] = best[i - 1] as Member;
    best[at] = member;
  }
  return best.map(({ address }) => address);
}

function isBetter(a: Member, b: Member): boolean {
  const rank = rankOf(a) - rankOf(b);
  return rank === 0 ? queueLength(a) < queueLength(b) : rank < 0;
}

/** Lower is better: engines that are not ready last, endpoints that are ejected or avoided before them. */
function rankOf(member: Member): number {
  const { isEjected, isAvoided, metrics } = member;
  const age = metrics.kind === "fresh" ? 0 : metrics.kind === "stale" ? 1 : 2;
  return age + (isEjected || isAvoided ? 3 : 0) + (isReady(member) ? 0 : 6);
}
