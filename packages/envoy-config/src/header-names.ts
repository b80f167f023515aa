import { routesOf } from "./queries.ts";
import type { Route, Topology } from "./topology.ts";

/** Headers that a policy uses for sessions or eligibility, and headers that name the model. */
export function topologyHeaders({ mirrors, pools }: Topology): readonly string[] {
  const names = new Set(modelHeaders(pools));
  for (const { sampling, policy } of mirrors) {
    const { by, sessionKey } = sampling;
    if (by === "session" && sessionKey.kind === "header") names.add(sessionKey.name);
    for (const { name } of policy?.eligible.headers ?? []) names.add(name);
  }
  return [...names].toSorted();
}

/** Headers that name the model if the body is not read. */
export function modelHeaders(pools: Topology["pools"]): readonly string[] {
  return [...new Set(pools.flatMap(({ modelHeader }) => modelHeader ?? []))].toSorted();
}

/** Headers that a route matches, or that has its session. */
export function routeHeaders({ match, session }: Route): readonly string[] {
  const names = match.headers.map(({ name }) => name);
  return session?.kind === "header" ? [...names, session.name] : names;
}

/** Documented headers with an underscore. */
const documented: readonly string[] = ["session_id"];

/**
 * Characters of all names together. A name more is a header of ext_proc's metadata that Envoy refuses (16 KiB), with the
 * routes that have it; a `%` takes two characters there.
 */
const maxCharacters = 12_000;

export interface UnderscoreHeaders {
  /** In lower case, in the order of the alphabet. */
  readonly known: readonly string[];
  /** Names for which there is no room: the longest ones. */
  readonly leftOut: ReadonlySet<string>;
}

/** Header names with an underscore that may pass: documented ones and those in the resources. */
export function underscoreHeaders(topology: Topology): UnderscoreHeaders {
  const named = [...topologyHeaders(topology), ...routesOf(topology).flatMap(routeHeaders)];
  const names = named.map((name) => name.toLowerCase()).filter((name) => name.includes("_"));
  const shortestFirst = [...new Set([...documented, ...names])]
    .toSorted()
    .toSorted((a, b) => a.length - b.length);
  const known: string[] = [];
  let characters = 0;
  for (const name of shortestFirst) {
    characters += name.replaceAll("%", "%%").length + 1;
    if (characters > maxCharacters) break;
    known.push(name);
  }
  return { known: known.toSorted(), leftOut: new Set(shortestFirst.slice(known.length)) };
}
