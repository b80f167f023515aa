import type { Member } from "./member.ts";

/** Members whose error shares are compared. */
export interface PeerGroup {
  readonly members: readonly Member[];
  /** The members they are compared with, including themselves. */
  readonly peers: readonly Member[];
}

/**
 * Groups members by the base models they serve, because bad requests for one model must not affect the endpoints of
 * another. Adapters are ignored, as servers load them at different times. A member whose model list was never read is
 * compared with all members: a server that refuses everything also refuses its list.
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
    const group = byModels.get(key);
    if (group === undefined) byModels.set(key, [member]);
    else group.push(member);
  }
  if (byModels.size <= 1) return [{ members, peers: members }];
  const read = [...byModels.values()].map((group) => ({ members: group, peers: group }));
  return [...read, { members: unread, peers: members }];
}

function baseNames(models: ReadonlyMap<string, "base" | "adapter">): readonly string[] {
  return [...models].flatMap(([name, kind]) => (kind === "base" ? [name] : [])).sort();
}
