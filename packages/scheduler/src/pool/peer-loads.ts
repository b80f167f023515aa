import type { Member } from "./member.ts";
import { maxPeers, type PeerLoad } from "./peer-report.ts";

/**
 * What other processes have in flight at a pool's endpoints. Added to the members' own counts, so that every plugin
 * sees it and a pick costs nothing more.
 */
export interface PeerLoads {
  /** Replaces what is known of a peer. Returns false for one peer too many, which is ignored. */
  record(peer: string, loads: readonly PeerLoad[]): boolean;
  remove(peer: string): void;
  /** Adds what is known to members that are new. */
  addTo(members: readonly Member[]): void;
}

const noLoad: Omit<PeerLoad, "address"> = {
  inFlight: 0,
  pendingPromptTokens: 0,
  pendingOutputTokens: 0,
};

export function createPeerLoads(find: (address: string) => Member | undefined): PeerLoads {
  const byPeer = new Map<string, ReadonlyMap<string, PeerLoad>>();

  function replace(peer: string, next: ReadonlyMap<string, PeerLoad>): void {
    const before = byPeer.get(peer) ?? new Map<string, PeerLoad>();
    for (const [address, load] of next) {
      const member = find(address);
      if (member !== undefined) change(member, before.get(address) ?? noLoad, load);
    }
    for (const [address, load] of before) {
      const member = next.has(address) ? undefined : find(address);
      if (member !== undefined) change(member, load, noLoad);
    }
    byPeer.set(peer, next);
  }

  return {
    record(peer, loads) {
      if (!byPeer.has(peer) && byPeer.size >= maxPeers) return false;
      replace(peer, new Map(loads.map((load) => [load.address, load])));
      return true;
    },
    remove(peer) {
      replace(peer, new Map());
      byPeer.delete(peer);
    },
    addTo(members) {
      for (const member of members) {
        change(member, member.peers, noLoad);
        for (const loads of byPeer.values()) {
          const load = loads.get(member.address);
          if (load !== undefined) change(member, noLoad, load);
        }
      }
    },
  };
}

/** What this process itself has in flight. */
export function ownLoads(members: readonly Member[]): readonly PeerLoad[] {
  const loads: PeerLoad[] = [];
  for (const member of members) {
    const { address, peers } = member;
    const inFlight = member.inFlight - peers.inFlight;
    if (inFlight === 0) continue;
    loads.push({
      ...{ address, inFlight },
      pendingPromptTokens: member.pendingPromptTokens - peers.pendingPromptTokens,
      pendingOutputTokens: member.pendingOutputTokens - peers.pendingOutputTokens,
    });
  }
  return loads;
}

/** The server's counts at a scrape include what peers had in flight then. */
export function settlePeers({ peers }: Member): void {
  peers.inFlightAtScrape = peers.inFlight;
  peers.sentSinceScrape = 0;
}

type Load = Omit<PeerLoad, "address">;

function change(member: Member, from: Load, to: Load): void {
  const { peers } = member;
  const inFlight = to.inFlight - from.inFlight;
  const promptTokens = to.pendingPromptTokens - from.pendingPromptTokens;
  const outputTokens = to.pendingOutputTokens - from.pendingOutputTokens;
  member.inFlight += inFlight;
  member.pendingPromptTokens += promptTokens;
  member.pendingOutputTokens += outputTokens;
  peers.inFlight += inFlight;
  peers.pendingPromptTokens += promptTokens;
  peers.pendingOutputTokens += outputTokens;
  // A peer does not tell when it sent what: more in flight than at the scrape was sent since.
  const sentSince = Math.max(0, peers.inFlight - peers.inFlightAtScrape);
  member.sentSinceScrape += sentSince - peers.sentSinceScrape;
  peers.sentSinceScrape = sentSince;
}
