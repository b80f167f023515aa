import type { HeldObject, ObjectChange, ObjectId } from "./held-object.ts";
import type { JsonObject } from "./json.ts";

/**
 * The objects of one scope, by namespace and name. Each method returns what it changed, in order.
 *
 * An object whose kind is removed from the API server is not gone at once: it _parts_, and stays until a time.
 */
export class ObjectCache {
  readonly #byNamespace = new Map<string, Map<string, Entry>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the next object has to part; undefined when none has to. */
  get nextPartingMs(): number | undefined {
    const times = this.#entries().flatMap(({ partsAtMs }) => partsAtMs ?? []);
    return times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b));
  }

  objects(): JsonObject[] {
    return this.#entries().map(({ held }) => held.object);
  }

  find({ namespace = "", name }: Pick<ObjectId, "namespace" | "name">): JsonObject | undefined {
    return this.#byNamespace.get(namespace)?.get(name)?.held.object;
  }

  /**
   * Takes an object's present content. Another uid under the same name is another object: the old one goes first. One of
   * which nothing is wanted any more goes too.
   */
  put(held: HeldObject): ObjectChange[] {
    if (held.isUnwanted) return this.#removeNamed(held);
    const names = this.#namesOf(held.id);
    const old = names.get(held.id.name)?.held;
    names.set(held.id.name, { held });
    if (old === undefined) this.#size++;
    else if (old.uid !== held.uid) return [gone(old), put(held)];
    else if (old.resourceVersion === held.resourceVersion) return [];
    return [put(held)];
  }

  /** Drops an object. Nothing happens when it is not held, or when another uid has its name. */
  remove(held: Pick<HeldObject, "id" | "uid">): ObjectChange[] {
    const entry = this.#byNamespace.get(held.id.namespace ?? "")?.get(held.id.name);
    return entry?.held.uid === held.uid ? this.#drop(entry) : [];
  }

  #removeNamed({ id }: HeldObject): ObjectChange[] {
    const entry = this.#byNamespace.get(id.namespace ?? "")?.get(id.name);
    return entry === undefined ? [] : this.#drop(entry);
  }

  /** Keeps an object that the API server has no longer until `partsAtMs`. */
  part(held: Pick<HeldObject, "id" | "uid">, partsAtMs: number): void {
    const entry = this.#byNamespace.get(held.id.namespace ?? "")?.get(held.id.name);
    if (entry?.held.uid === held.uid) entry.partsAtMs ??= partsAtMs;
  }

  /** As `part`, for every object. */
  partAll(partsAtMs: number): void {
    for (const entry of this.#entries()) entry.partsAtMs ??= partsAtMs;
  }

  /** Drops what had to part by now. */
  dropParted(nowMs: number): ObjectChange[] {
    return this.#entries()
      .filter(({ partsAtMs }) => partsAtMs !== undefined && partsAtMs <= nowMs)
      .flatMap((entry) => this.#drop(entry));
  }

  /** Takes a whole list: what it does not have is gone, unless it parts later. */
  replace(listed: readonly HeldObject[]): ObjectChange[] {
    const kept = new Set<Entry>();
    const puts = listed.flatMap((held) => {
      const changes = this.put(held);
      const entry = this.#namesOf(held.id).get(held.id.name);
      if (entry !== undefined) kept.add(entry);
      return changes;
    });
    const goes = this.#entries()
      .filter((entry) => !kept.has(entry) && entry.partsAtMs === undefined)
      .flatMap((entry) => this.#drop(entry));
    return [...goes, ...puts];
  }

  #drop({ held }: Entry): ObjectChange[] {
    const namespace = held.id.namespace ?? "";
    const names = this.#byNamespace.get(namespace);
    if (names?.delete(held.id.name) !== true) return [];
    this.#size--;
    if (names.size === 0) this.#byNamespace.delete(namespace);
    return [gone(held)];
  }

  #namesOf({ namespace = "" }: ObjectId): Map<string, Entry> {
    const names = this.#byNamespace.get(namespace) ?? new Map<string, Entry>();
    this.#byNamespace.set(namespace, names);
    return names;
  }

  #entries(): Entry[] {
    return [...this.#byNamespace.values()].flatMap((names) => [...names.values()]);
  }
}

interface Entry {
  readonly held: HeldObject;
  partsAtMs?: number;
}

function put({ object }: HeldObject): ObjectChange {
  return { type: "put", object };
}

function gone({ id }: HeldObject): ObjectChange {
  return { type: "gone", id };
}
