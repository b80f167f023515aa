import type { PoolState } from "@umbra/scheduler";

/** What one endpoint says it serves. */
export interface ModelList {
  readonly base: readonly string[];
  readonly adapters: readonly string[];
  /** The base model of each adapter. */
  readonly parents: ReadonlyMap<string, string>;
  /** The list's own entries as JSON text, by name; absent: the names alone are shown. */
  readonly entries?: ReadonlyMap<string, string>;
  /** The endpoint shows the list to those alone who have its key. */
  readonly isGuarded?: boolean;
}

/** Which names the endpoints of a pool serve, by their model lists and metrics pages. */
export interface ServedModels {
  /** Takes the list of one endpoint. Returns whether its names have changed. */
  record(address: string, models: ModelList): boolean;
  /**
   * Takes adapters that an endpoint's metrics page names: they are adapters even where no list can be read. Returns
   * whether the endpoint's list lacks one of them, so that it is due to be read again.
   */
  recordNamed(address: string, adapters: ReadonlySet<string>): boolean;
  /** The endpoint has answered 404: its list may have changed. */
  doubt(address: string): void;
  /** Whether the endpoint's list was doubted since this was last called. */
  takeDoubt(address: string): boolean;
  /** The endpoint answers: it counts as serving any name until its list is read. */
  reached(address: string): void;
  /** Whether an endpoint answers whose list was never read. */
  hasUnread(): boolean;
  has(model: string): boolean;
  isAdapter(model: string): boolean;
  /** The base model of an adapter; of any other name the name itself. */
  baseOf(model: string): string;
  readonly adapters: ReadonlySet<string>;
  readonly base: ReadonlySet<string>;
  /** One list of all names, as `GET /v1/models` answers it; undefined while the endpoints' lists are equal. */
  readonly union: string | undefined;
  /** Whether any endpoint shows its list to those alone who have its key. */
  readonly isGuarded: boolean;
}

/** Adapters that a page has named and no list has, by endpoint: more are not kept. */
const maxActive = 1_000;
const maxUnionModels = 1_000;
const maxUnionCharacters = 524_288;

export function createServedModels(state: PoolState): ServedModels {
  const byEndpoint = new Map<string, ModelList>();
  const active = new Map<string, Set<string>>();
  const doubted = new Set<string>();
  const unread = new Set<string>();
  let parents: ReadonlyMap<string, string> = new Map();
  let base: ReadonlySet<string> = new Set();
  let adapters: ReadonlySet<string> = new Set();
  let named: ReadonlySet<string> = new Set();
  let union: string | undefined;
  let isGuarded = false;

  function forgetStrangers(): void {
    const known = new Set(state.addresses());
    for (const address of byEndpoint.keys()) if (!known.has(address)) byEndpoint.delete(address);
    for (const address of active.keys()) if (!known.has(address)) active.delete(address);
    for (const address of unread) if (!known.has(address)) unread.delete(address);
  }

  function nameActive(): void {
    named = new Set([...active.values()].flatMap((each) => [...each]));
  }

  return {
    record(address, models) {
      const before = byEndpoint.get(address);
      byEndpoint.set(address, models);
      unread.delete(address);
      if (active.delete(address)) nameActive();
      if (before !== undefined && isSame(before, models)) return false;
      forgetStrangers();
      const lists = [...byEndpoint.values()];
      base = new Set(lists.flatMap((each) => each.base));
      adapters = new Set(lists.flatMap((each) => each.adapters));
      parents = new Map(lists.flatMap((each) => [...each.parents]));
      union = unionOf(lists);
      isGuarded = lists.some((each) => each.isGuarded === true);
      state.recordModels(address, models);
      return true;
    },
    recordNamed(address, names) {
      if (names.size === 0) return false;
      const list = byEndpoint.get(address);
      const missing = [...names].filter(
        (name) => list === undefined || !(list.adapters.includes(name) || list.base.includes(name)),
      );
      const known = active.get(address) ?? new Set();
      const added = missing.filter((name) => !known.has(name)).slice(0, maxActive - known.size);
      if (added.length > 0) {
        for (const name of added) known.add(name);
        active.set(address, known);
        nameActive();
      }
      return missing.length > 0;
    },
    doubt: (address) => void doubted.add(address),
    takeDoubt: (address) => doubted.delete(address),
    reached(address) {
      if (!byEndpoint.has(address)) unread.add(address);
    },
    hasUnread: () => unread.size > 0,
    has: (model) => base.has(model) || adapters.has(model),
    baseOf: (model) => parents.get(model) ?? model,
    isAdapter: (model) => (adapters.has(model) || named.has(model)) && !base.has(model),
    get base() {
      return base;
    },
    get adapters() {
      return adapters;
    },
    get union() {
      return union;
    },
    get isGuarded() {
      return isGuarded;
    },
  };
}

function isSame(a: ModelList, b: ModelList): boolean {
  return namesOf(a) === namesOf(b) && a.isGuarded === b.isGuarded;
}

function namesOf({ base, adapters }: ModelList): string {
  return JSON.stringify([base.toSorted(), adapters.toSorted()]);
}

function entriesOf({ base, adapters, entries }: ModelList): readonly (readonly [string, string])[] {
  return [...base, ...adapters].map((id) => [
    id,
    entries?.get(id) ?? JSON.stringify({ id, object: "model" }),
  ]);
}

/** Each name once, with the entry of the first list that has it. */
function unionOf(lists: readonly ModelList[]): string | undefined {
  const [first, ...others] = lists;
  if (first === undefined || others.every((each) => namesOf(each) === namesOf(first))) {
    return undefined;
  }
  const entries = new Map<string, string>();
  let length = 0;
  for (const [name, entry] of lists.flatMap(entriesOf)) {
    const isFull = entries.size >= maxUnionModels || length + entry.length > maxUnionCharacters;
    if (entries.has(name) || isFull) continue;
    entries.set(name, entry);
    length += entry.length;
  }
  return `{"object":"list","data":[${[...entries.values()].join(",")}]}`;
}
