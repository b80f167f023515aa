import type { Explanation } from "../explanation.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Profile, Trace } from "../profile.ts";
import type { Refused } from "../result.ts";
import type { Member } from "./member.ts";

/** What a pool has decided about a request, and among which endpoints. */
export interface Decision {
  readonly candidates: readonly Member[];
  readonly profile?: Profile;
  readonly picked?: Member;
  readonly code?: Refused["code"];
  readonly by?: string;
}

export function createTrace(): Trace {
  return { filters: [], scorers: [], totals: [] };
}

export function explanationOf(
  { candidates, profile, picked, code }: Decision,
  trace: Trace,
): Explanation {
  return {
    profile: profile?.name ?? "",
    candidates: candidates.map(({ address }: Endpoint) => address),
    ...trace,
    picker: profile?.picker ?? "",
    ...(picked === undefined ? {} : { picked: picked.address }),
    ...(code === undefined ? {} : { refusal: code }),
  };
}
