import type { Member } from "./member.ts";

/** Model names that one endpoint serves, from its own model list. */
export interface EndpointModels {
  readonly base: Iterable<string>;
  /** LoRA adapters. */
  readonly adapters: Iterable<string>;
}

/**
 * Maps a model name to the members that serve it, for names that only some members serve. Rebuilt when members or model
 * lists change.
 */
export type Holders = ReadonlyMap<string, readonly Member[]>;

/** Most names kept per endpoint. */
const maxNames = 1_000;

/** Sets the member's model names. Returns whether they changed. */
export function setModels(member: Member, { base, adapters }: EndpointModels): boolean {
  const names = new Map<string, "base" | "adapter">();
  for (const name of base) if (names.size < maxNames) names.set(name, "base");
  for (const name of adapters) {
    if (names.size < maxNames && !names.has(name)) names.set(name, "adapter");
  }
  const before = member.models;
  const isSame =
    before?.size === names.size && [...names].every(([name, kind]) => before.get(name) === kind);
  if (!isSame) member.models = names;
  return !isSame;
}

/**
 * Finds which members serve each model name. A request for a listed name goes to the endpoints that list it; a name on
 * no list may go to any endpoint. An endpoint whose list was never read counts as serving only the base models common
 * to all lists that were read, so one unreadable list does not take an endpoint of a uniform pool out of use.
 */
export function holdersOf(members: readonly Member[]): Holders {
  const read = members.flatMap((member) =>
    member.models === undefined ? [] : [{ member, models: member.models }],
  );
  const holders = new Map<string, Member[]>();
  const baseCount = new Map<string, number>();
  for (const { member, models } of read) {
    for (const [name, kind] of models) {
      const known = holders.get(name);
      if (known === undefined) holders.set(name, [member]);
      else known.push(member);
      if (kind === "base") baseCount.set(name, (baseCount.get(name) ?? 0) + 1);
    }
  }
  for (const [name, having] of holders) {
    const isEverywhere = having.length === members.length || baseCount.get(name) === read.length;
    if (isEverywhere) holders.delete(name);
  }
  return holders;
}
