import type { Member } from "./member.ts";

/** The names that one endpoint serves, as its own model list says. */
export interface EndpointModels {
  readonly base: Iterable<string>;
  /** LoRA adapters. */
  readonly adapters: Iterable<string>;
}

/** Members that serve a name, for names that only some members serve. Made when members or model lists change. */
export type Holders = ReadonlyMap<string, readonly Member[]>;

/** More names of one endpoint are not kept. */
const maxNames = 1_000;

/** Returns whether the member's names have changed. */
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
 * A name that some lists have goes to the endpoints whose lists have it. An endpoint whose list was never read counts
 * as serving the base models that every read list has, and nothing else: so one unreadable list does not take an
 * endpoint of a uniform pool out of use. A name that no list has may go anywhere.
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
