import type { PoolState } from "@umbra/scheduler";
import { createNameCounts, createParents } from "./name-counts.ts";

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
  /** No two lists that were read have different base models: an endpoint may choose for a request without a model. */
  readonly hasOneBase: boolean;
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
  const byEndpoint = new Map<string, StoredList>();
  const active = new Map<string, Set<string>>();
  const doubted = new Set<string>();
  const unread = new Set<string>();
  const base = createNameCounts();
  const adapters = createNameCounts();
  const named = createNameCounts();
  const lists = createNameCounts();
  const baseLists = createNameCounts();
  const parents = createParents();
  let guarded = 0;
  let union: string | undefined;

  function forgetActive(address: string): void {
    for (const name of active.get(address) ?? []) named.remove(name);
    active.delete(address);
  }

  function forgetList(address: string): void {
    const stored = byEndpoint.get(address);
    if (stored === undefined) return;
    byEndpoint.delete(address);
    union = undefined;
    lists.remove(stored.key);
    baseLists.remove(stored.baseKey);
    if (stored.models.isGuarded === true) guarded--;
    for (const name of stored.models.base) base.remove(name);
    for (const name of stored.models.adapters) adapters.remove(name);
    for (const [name, parent] of stored.models.parents) parents.remove(name, parent);
  }

  function addList(address: string, stored: StoredList): void {
    byEndpoint.set(address, stored);
    union = undefined;
    lists.add(stored.key);
    baseLists.add(stored.baseKey);
    if (stored.models.isGuarded === true) guarded++;
    for (const name of stored.models.base) base.add(name);
    for (const name of stored.models.adapters) adapters.add(name);
    for (const [name, parent] of stored.models.parents) parents.add(name, parent);
  }

  function forgetStrangers(): void {
    const known = new Set(state.addresses());
    for (const address of byEndpoint.keys()) if (!known.has(address)) forgetList(address);
    for (const address of active.keys()) if (!known.has(address)) forgetActive(address);
    for (const address of unread) if (!known.has(address)) unread.delete(address);
  }

  return {
    record(address, models) {
      const before = byEndpoint.get(address);
      const stored = storedList(models);
      unread.delete(address);
      forgetActive(address);
      // An endpoint that comes back is new to the pool, though its list may be as before.
      state.recordModels(address, models);
      forgetStrangers();
      if (before !== undefined && isSame(before, stored)) return false;
      forgetList(address);
      addList(address, stored);
      return true;
    },
    recordNamed(address, names) {
      if (names.size === 0) return false;
      const list = byEndpoint.get(address);
      const missing = [...names].filter((name) => list?.names.has(name) !== true);
      const known = active.get(address) ?? new Set();
      const added = missing.filter((name) => !known.has(name)).slice(0, maxActive - known.size);
      if (added.length > 0) active.set(address, known);
      for (const name of added) {
        known.add(name);
        named.add(name);
      }
      return missing.length > 0;
    },
    doubt: (address) => void doubted.add(address),
    takeDoubt: (address) => doubted.delete(address),
    reached(address) {
      if (!byEndpoint.has(address)) unread.add(address);
    },
    hasUnread: () => unread.size > 0,
    has: (model) => base.names.has(model) || adapters.names.has(model),
    baseOf: (model) => parents.of(model) ?? model,
    isAdapter: (model) =>
      (adapters.names.has(model) || named.names.has(model)) && !base.names.has(model),
    base: base.names,
    adapters: adapters.names,
    get hasOneBase() {
      return baseLists.names.size <= 1;
    },
    get union() {
      if (lists.names.size <= 1) return undefined;
      union ??= unionOf([...byEndpoint.values()]);
      return union;
    },
    get isGuarded() {
      return guarded > 0;
    },
  };
}

/** A list with what it is compared by: made once, however often it is compared. */
interface StoredList {
  readonly models: ModelList;
  readonly names: ReadonlySet<string>;
  /** All its names, sorted. */
  readonly key: string;
  /** Its base models, sorted. */
  readonly baseKey: string;
}

function storedList(models: ModelList): StoredList {
  const baseKey = JSON.stringify(models.base.toSorted());
  return {
    models,
    names: new Set([...models.base, ...models.adapters]),
    key: `${baseKey} ${JSON.stringify(models.adapters.toSorted())}`,
    baseKey,
  };
}

function isSame(a: StoredList, b: StoredList): boolean {
  return a.key === b.key && (a.models.isGuarded ?? false) === (b.models.isGuarded ?? false);
}

/** Each name once: base models before adapters, each sorted, so that it doesn't matter which list was read first. */
function unionOf(lists: readonly StoredList[]): string {
  const shown: string[] = [];
  let length = 0;
  for (const entry of [...entriesOf(lists, "base"), ...entriesOf(lists, "adapters")]) {
    const isFull = shown.length >= maxUnionModels || length + entry.length > maxUnionCharacters;
    if (isFull) continue;
    shown.push(entry);
    length += entry.length;
  }
  return `{"object":"list","data":[${shown.join(",")}]}`;
}

/** Sorted by name, each as the first list has it. A name that is a base model anywhere is no adapter. */
function entriesOf(lists: readonly StoredList[], kind: "base" | "adapters"): string[] {
  const entries = new Map<string, string>();
  const base = new Set(kind === "base" ? [] : lists.flatMap(({ models }) => models.base));
  for (const { models } of lists) {
    for (const id of models[kind]) {
      if (entries.size >= maxUnionModels) break;
      if (entries.has(id) || base.has(id)) continue;
      entries.set(id, models.entries?.get(id) ?? JSON.stringify({ id, object: "model" }));
    }
  }
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}
