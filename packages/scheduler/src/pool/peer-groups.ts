import type { Member } from "./member.ts";

/** Members whose answers are compared. */
export interface PeerGroup {
  readonly members: readonly Member[];
  /** The members that they are compared with, themselves included. */
  readonly peers: readonly Member[];
}

/**
 * Groups members by the base models that they serve: clients' bad requests for one model say nothing of the endpoints
 * of another. Adapters do not count, as servers load them at different times. A member whose list was never read is
 * compared with all: a server that refuses everything refuses its list too.
 */
export function peerGroups(members: readonly Member[]): readonly PeerGroup[] {
  const byModels = new Map<string, Member[]>();
  const unread: Member[] = [];
  for (const member of members) {
    if (member.models === undefined) {
      unread.push(member);
      continue;
    }
    const key = JSON.stringify(baseNames(member.models));
    const alike = byModels.get(key);
    if (alike === undefined) byModels.set(key, [member]);
    else alike.push(member);
  }
  if (byModels.size <= 1) return [{ members, peers: members }];
  const read = [...byModels.values()].map((alike) => ({ members: alike, peers: alike }));
  return [...read, { members: unread, peers: members }];
}

function baseNames(models: ReadonlyMap<string, "base" | "adapter">): readonly string[] {
  return [...models].flatMap(([name, kind]) => (kind === "base" ? [name] : [])).sort();
}
