import { type ClientRequest, TooManyNames } from "./client-request.ts";

/** Which names of a kind a client wants. */
export interface Subscription {
  readonly isWildcard: boolean;
  /** Takes a request's names. Returns the names that need an answer, whether or not they have changed. */
  take(change: ClientRequest["change"], maxNames: number): readonly string[];
  covers(name: string): boolean;
}

const wildcard = "*";

/** A client that never named anything wants all; one that names nothing any more wants none. */
export function createSubscription(): Subscription {
  let names = new Set<string>();
  let isWildcard = false;
  let hasNamed = false;

  function takeFull(given: readonly string[]): readonly string[] {
    hasNamed ||= given.length > 0;
    isWildcard = given.includes(wildcard) || !hasNamed;
    const before = names;
    names = new Set(given.filter((name) => name !== wildcard));
    const isSame = names.size === before.size && [...names].every((name) => before.has(name));
    // Envoy asks again for the same names after a cluster has changed, and must be answered.
    return isSame ? [...names] : [...names].filter((name) => !before.has(name));
  }

  function takeDelta(
    subscribe: readonly string[],
    unsubscribe: readonly string[],
  ): readonly string[] {
    const asked = subscribe.filter((name) => name !== wildcard);
    if (subscribe.includes(wildcard)) isWildcard = true;
    // The first request of a kind that names nothing asks for all.
    if (subscribe.length === 0 && unsubscribe.length === 0 && !hasNamed) isWildcard = true;
    hasNamed = true;
    for (const name of asked) names.add(name);
    const dropped = unsubscribe.filter((name) => names.delete(name));
    if (unsubscribe.includes(wildcard)) isWildcard = false;
    // Under a wildcard the client drops the resource, and has to get it again.
    return isWildcard ? [...asked, ...dropped] : asked;
  }

  return {
    get isWildcard() {
      return isWildcard;
    },
    take(change, maxNames) {
      const asked =
        change.form === "full"
          ? takeFull(change.names)
          : takeDelta(change.subscribe, change.unsubscribe);
      if (names.size > maxNames) throw new TooManyNames(`more than ${maxNames} names`);
      return asked;
    },
    covers: (name) => isWildcard || names.has(name),
  };
}
