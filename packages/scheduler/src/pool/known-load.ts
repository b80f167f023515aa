import { loadMetrics } from "../model/load.ts";
import type { Member } from "./member.ts";

/** What a pool knows of its endpoints' load. */
export interface KnownLoad {
  readonly endpoints: number;
  /** Endpoints whose load is known from a fresh scrape. Of the others only the requests in flight count. */
  readonly knownEndpoints: number;
  /** Requests that this process has in flight at any endpoint. */
  readonly inFlight: number;
  /** Why the newest scrape that failed has failed, in a few words; absent where each endpoint's newest one worked. */
  readonly lastFailureKind?: string;
}

export function knownLoad(members: readonly Member[]): KnownLoad {
  let knownEndpoints = 0;
  let inFlight = 0;
  let newest: Member["lastFailure"];
  for (const member of members) {
    const { lastFailure } = member;
    if (loadMetrics(member) !== undefined) knownEndpoints++;
    inFlight += member.inFlight;
    if (lastFailure !== undefined && lastFailure.atMs >= (newest?.atMs ?? 0)) newest = lastFailure;
  }
  return {
    endpoints: members.length,
    knownEndpoints,
    inFlight,
    ...(newest === undefined ? {} : { lastFailureKind: newest.kind }),
  };
}
