import { loadMetrics } from "../model/load.ts";
import type { Member } from "./member.ts";

/** What a pool knows about the load of its endpoints. */
export interface KnownLoad {
  readonly endpoints: number;
  /** Endpoints with fresh load metrics. For the others, only this process's requests in flight count. */
  readonly knownEndpoints: number;
  /** Requests that this process has in flight at any endpoint. */
  readonly inFlight: number;
  /** Short reason of the most recent failed scrape; absent if the latest scrape of every endpoint succeeded. */
  readonly lastFailureKind?: string;
}

export function knownLoad(members: readonly Member[]): KnownLoad {
  let knownEndpoints = 0;
  let inFlight = 0;
  let newest: Member["lastFailure"];
  for (const member of members) {
    const { lastFailure } = member;
    if (loadMetrics(member) !== undefined) knownEndpoints++;
    inFlight += member.inFlight - member.peers.inFlight;
    if (lastFailure !== undefined && lastFailure.atMs >= (newest?.atMs ?? 0)) newest = lastFailure;
  }
  return {
    endpoints: members.length,
    knownEndpoints,
    inFlight,
    ...(newest === undefined ? {} : { lastFailureKind: newest.kind }),
  };
}
