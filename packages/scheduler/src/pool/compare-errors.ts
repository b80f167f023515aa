import { shareOf } from "./error-share.ts";
import type { PeerGroup } from "./peer-groups.ts";

/**
 * Sets `errorShare` of each member: its share of errors beyond that of the best of its peers. Where all answer alike the
 * fault is not theirs, and it is 0. Returns whether any has errors.
 */
export function compareErrors(groups: readonly PeerGroup[], nowMs: number): boolean {
  let isAny = false;
  for (const { members, peers } of groups) {
    let least = 1;
    for (const { health } of peers) least = Math.min(least, shareOf(health.counts, nowMs));
    for (const member of members) {
      const share = shareOf(member.health.counts, nowMs);
      if (share > 0) isAny = true;
      member.health.leastErrorShare = least;
      member.errorShare = share - least;
    }
  }
  return isAny;
}
