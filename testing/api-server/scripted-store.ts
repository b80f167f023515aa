import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

/** An object as the scripted API server keeps it. */
export interface StoredObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

/** A resource that the server has, named as in paths. */
export interface StoredKind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
}

export interface StoredEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly revision: number;
  readonly object: StoredObject;
}

/** Grows with each change of the spec. */
function generationOf(object: StoredObject, old: StoredObject | undefined): number {
  const before = Number(old?.metadata.generation ?? 0);
  return isDeepStrictEqual(object.spec, old?.spec) ? Math.max(1, before) : before + 1;
}

/** The objects of one kind, their history, and who listens. */
export class StoredResource {
  readonly kind: StoredKind;
  readonly #clock: { revision: number };
  readonly #objects = new Map<string, Map<string, StoredObject>>();
  #log: StoredEvent[] = [];
  readonly listeners = new Set<(event: StoredEvent) => void>();
  /** Watches from before this revision get 410. */
  oldestRevision = 0;
  /** Its CRD is being deleted. */
  isLeaving = false;

  constructor(kind: StoredKind, clock: { revision: number }) {
    this.kind = kind;
    this.#clock = clock;
  }

  get revision(): number {
    return this.#clock.revision;
  }

  list(namespace: string | undefined): StoredObject[] {
    return [...this.#objects.entries()]
      .filter(([name]) => namespace === undefined || namespace === name)
      .flatMap(([, names]) => [...names.values()]);
  }

  get(namespace: string, name: string): StoredObject | undefined {
    return this.#objects.get(namespace)?.get(name);
  }

  /** Creates or replaces an object; gives it a uid and a resourceVersion. */
  put(object: StoredObject): StoredObject {
    const { name, namespace = "" } = object.metadata;
    const names = this.#objects.get(namespace) ?? new Map<string, StoredObject>();
    const old = names.get(name);
    const generation = generationOf(object, old);
    const stored = this.#stamp(
      { ...object, metadata: { ...object.metadata, generation } },
      old?.metadata.uid ?? randomUUID(),
    );
    names.set(name, stored);
    this.#objects.set(namespace, names);
    this.#tell(old === undefined ? "ADDED" : "MODIFIED", stored);
    return stored;
  }

  remove(namespace: string, name: string): boolean {
    const old = this.get(namespace, name);
    if (old === undefined) return false;
    this.#objects.get(namespace)?.delete(name);
    this.#tell("DELETED", this.#stamp(old, old.metadata.uid ?? ""));
    return true;
  }

  /** What happened after a revision; undefined when that was removed. */
  since(revision: number): readonly StoredEvent[] | undefined {
    if (revision < this.oldestRevision) return undefined;
    return this.#log.filter((event) => event.revision > revision);
  }

  /** Removes what happened: watches from before now get 410. */
  compact(): void {
    this.#log = [];
    this.oldestRevision = this.#clock.revision;
  }

  #stamp(object: StoredObject, uid: string): StoredObject {
    this.#clock.revision++;
    const { kind, group, version } = this.kind;
    return {
      ...object,
      apiVersion: group === "" ? version : `${group}/${version}`,
      kind,
      metadata: { ...object.metadata, uid, resourceVersion: String(this.#clock.revision) },
    };
  }

  #tell(type: StoredEvent["type"], object: StoredObject): void {
    const event: StoredEvent = { type, revision: this.#clock.revision, object };
    this.#log.push(event);
    for (const listener of this.listeners) listener(event);
  }
}
