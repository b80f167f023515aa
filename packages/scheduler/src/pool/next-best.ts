import { queueLength } from "../model/endpoint.ts";
import type { Member } from "./member.ts";

const freshness = { fresh: 0, stale: 1, missing: 2 } as const;

/** The best `count` of those permitted, besides the picked one: neither ejected nor avoided, fresh before stale, then by queue. */
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
  const isOutB = b.isEjected || b.isAvoided;
  if ((a.isEjected || a.isAvoided) !== isOutB) return isOutB;
  const difference = freshness[a.metrics.kind] - freshness[b.metrics.kind];
  return difference === 0 ? queueLength(a) < queueLength(b) : difference < 0;
}
