import type { ModelList as List } from "@umbra/openai";
import type { PoolState } from "@umbra/scheduler";
import { NameCounts, Parents } from "./name-counts.ts";

/** The model list of one endpoint. Without `entries`, only the names are shown. */
export interface ModelList extends Omit<List, "entries">, Partial<Pick<List, "entries">> {
  /** True if the endpoint shows the list only with its key. */
  readonly isGuarded?: boolean;
}

/** Maximum adapters per endpoint that only the metrics page names. */
const maxActive = 1_000;
const maxUnionModels = 1_000;
const maxUnionCharacters = 524_288;

/** The model names that the endpoints of a pool serve, from their model lists and metrics pages. */
export class ServedModels {
  readonly #state: PoolState;
  readonly #byEndpoint = new Map<string, StoredList>();
  readonly #active = new Map<string, Set<string>>();
  readonly #doubted = new Set<string>();
  readonly #unread = new Set<string>();
  readonly #base = new NameCounts();
  readonly #adapters = new NameCounts();
  readonly #named = new NameCounts();
  readonly #lists = new NameCounts();
  readonly #baseLists = new NameCounts();
  readonly #parents = new Parents();
  #guarded = 0;
  #union: string | undefined;

  constructor(state: PoolState) {
    this.#state = state;
  }

  /** Records the list of one endpoint. Returns true if its names changed. */
  record(address: string, models: ModelList): boolean {
    if (!this.#state.knows(address)) return false;
    const before = this.#byEndpoint.get(address);
    const stored = storedList(models);
    this.#unread.delete(address);
    this.#forgetActive(address);
    // An endpoint that returns is new to the pool, even if its list is unchanged.
    this.#state.recordModels(address, models);
    if (before !== undefined && isSame(before, stored)) return false;
    this.#forgetList(address);
    this.#byEndpoint.set(address, stored);
    this.#count(stored, "add");
    return true;
  }

  /**
   * Records adapters from an endpoint's metrics page, which are known even without a model list. Returns true if the
   * endpoint's list lacks one of them, so that it should be read again.
   */
  recordNamed(address: string, names: ReadonlySet<string>): boolean {
    if (names.size === 0 || !this.#state.knows(address)) return false;
    const list = this.#byEndpoint.get(address);
    const missing = [...names].filter((name) => list?.names.has(name) !== true);
    const known = this.#active.get(address) ?? new Set();
    const added = missing.filter((name) => !known.has(name)).slice(0, maxActive - known.size);
    if (added.length > 0) this.#active.set(address, known);
    for (const name of added) {
      known.add(name);
      this.#named.add(name);
    }
    return missing.length > 0;
  }

  /** Records that the endpoint answered 404, because its list may have changed. */
  markDoubtful(address: string): void {
    if (this.#state.knows(address)) this.#doubted.add(address);
  }

  /** Returns true if `doubt` was called for the endpoint since the last call. */
  takeDoubt(address: string): boolean {
    return this.#doubted.delete(address);
  }

  /** Records that the endpoint answers. Until its list is read, it counts as serving any name. */
  reached(address: string): void {
    if (!this.#byEndpoint.has(address) && this.#state.knows(address)) this.#unread.add(address);
  }

  /** Forgets the names of endpoints that left the pool. */
  forgetGone(): void {
    const isGone = (address: string) => !this.#state.knows(address);
    for (const address of this.#byEndpoint.keys()) if (isGone(address)) this.#forgetList(address);
    for (const address of this.#active.keys()) if (isGone(address)) this.#forgetActive(address);
    for (const address of this.#unread) if (isGone(address)) this.#unread.delete(address);
    for (const address of this.#doubted) if (isGone(address)) this.#doubted.delete(address);
  }

  /** True if an endpoint answers but its list was never read. */
  hasUnread(): boolean {
    return this.#unread.size > 0;
  }

  has(model: string): boolean {
    return this.base.has(model) || this.adapters.has(model);
  }

  isAdapter(model: string): boolean {
    return (this.adapters.has(model) || this.#named.names.has(model)) && !this.base.has(model);
  }

  /** Returns the base model of an adapter, or any other name unchanged. */
  baseOf(model: string): string {
    return this.#parents.of(model) ?? model;
  }

  get adapters(): ReadonlySet<string> {
    return this.#adapters.names;
  }

  get base(): ReadonlySet<string> {
    return this.#base.names;
  }

  /** True if all known lists have the same base models: then an endpoint may serve a request without a model. */
  get hasOneBase(): boolean {
    return this.#baseLists.names.size <= 1;
  }

  /** One list of all names, for `GET /v1/models`; undefined while the endpoints' lists are equal. */
  get union(): string | undefined {
    if (this.#lists.names.size <= 1) return undefined;
    this.#union ??= unionOf([...this.#byEndpoint.values()]);
    return this.#union;
  }

  /** True if any endpoint shows its list only with its key. */
  get isGuarded(): boolean {
    return this.#guarded > 0;
  }

  #forgetActive(address: string): void {
    for (const name of this.#active.get(address) ?? []) this.#named.remove(name);
    this.#active.delete(address);
  }

  #forgetList(address: string): void {
    const stored = this.#byEndpoint.get(address);
    if (stored === undefined) return;
    this.#byEndpoint.delete(address);
    this.#count(stored, "remove");
  }

  #count({ key, baseKey, models }: StoredList, change: "add" | "remove"): void {
    this.#union = undefined;
    this.#lists[change](key);
    this.#baseLists[change](baseKey);
    if (models.isGuarded === true) this.#guarded += change === "add" ? 1 : -1;
    for (const name of models.base) this.#base[change](name);
    for (const name of models.adapters) this.#adapters[change](name);
    for (const [name, parent] of models.parents) this.#parents[change](name, parent);
  }
}

/** A list with its comparison keys, which are computed once. */
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

/** Merges the lists, without duplicates: sorted base models, then sorted adapters, independent of the reading order. */
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

/** Sorted by name, each entry from the first list that has it. A base model in any list is not an adapter. */
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
