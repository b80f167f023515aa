import type { StatusChanges } from "@umbra/control";
import { controllerName, mergeStatus, type ObjectStatus } from "@umbra/envoy-config";
import type { JsonObject, StatusTarget, WantedStatus } from "@umbra/kubernetes";
import type { StatusTargets } from "./status-targets.ts";

/** The statuses that objects of an API server should have. */
export class WantedStatuses {
  readonly #targets: StatusTargets;
  readonly #statuses = new Map<string, ObjectStatus>();
  /** Made once for each object, so that writing the same again shows. */
  readonly #empty = new Map<string, ObjectStatus>();
  #isKnown = false;

  constructor(targets: StatusTargets) {
    this.#targets = targets;
  }

  /** False: nothing is known yet. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Returns the objects that are concerned. */
  take({ isWhole, changed, gone }: StatusChanges): readonly StatusTarget[] {
    // A change that was under way while the Lease was lost and taken again: all comes after it.
    if (!isWhole && !this.#isKnown) return [];
    if (isWhole) this.#statuses.clear();
    this.#isKnown = true;
    const targets: StatusTarget[] = [];
    for (const status of changed) {
      const target = this.#targets.of(status.of);
      // An object of a file: the one of the same name in the API server is not what is served.
      if (target === undefined || status.generation === undefined) continue;
      this.#statuses.set(keyOf(target), status);
      targets.push(target);
    }
    for (const of of gone) {
      const target = this.#targets.of(of);
      if (target === undefined) continue;
      this.#statuses.delete(keyOf(target));
      targets.push(target);
    }
    return targets;
  }

  forget(): void {
    this.#statuses.clear();
    this.#empty.clear();
    this.#isKnown = false;
  }

  /** The object is gone. */
  remove(target: StatusTarget): void {
    this.#empty.delete(keyOf(target));
  }

  /** The status to write; undefined: the object's is right, or is about another generation of it. */
  change(target: StatusTarget, object: JsonObject): WantedStatus | undefined {
    if (!this.#isKnown) return undefined;
    const ours = this.#statuses.get(keyOf(target)) ?? this.#emptyOf(target);
    if (ours === undefined || !isAbout(ours, object)) return undefined;
    const now = `${new Date().toISOString().slice(0, 19)}Z`;
    const merged = mergeStatus(mapOf(object.status), ours, now);
    if (merged.kind === "unchanged") return undefined;
    return { status: merged.status as JsonObject, cause: ours };
  }

  #emptyOf(target: StatusTarget): ObjectStatus | undefined {
    const key = keyOf(target);
    const held = this.#empty.get(key) ?? this.#targets.emptyOf(target);
    if (held !== undefined) this.#empty.set(key, held);
    return held;
  }
}

/**
 * False where the object is another of the same name, which is not resolved yet, or where its status is about a newer
 * generation: the holder before this one has seen it already.
 */
function isAbout({ generation }: ObjectStatus, { metadata, status }: JsonObject): boolean {
  if (generation === undefined) return true;
  const present = Number(mapOf(metadata).generation);
  return !(present < generation) && observedIn(mapOf(status)) <= generation;
}

/** The newest generation that this controller has observed. */
function observedIn(status: JsonObject): number {
  const shared = [...listOf(status.parents), ...listOf(status.ancestors)];
  const own = shared.filter((entry) => entry.controllerName === controllerName);
  const conditions = [status, ...listOf(status.listeners), ...own].flatMap((each) =>
    listOf(each.conditions),
  );
  return Math.max(0, ...conditions.map((each) => Number(each.observedGeneration ?? 0)));
}

function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.map(mapOf) : [];
}

function mapOf(value: unknown): JsonObject {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMap ? (value as JsonObject) : {};
}

function keyOf({ kind, namespace = "", name }: StatusTarget): string {
  return JSON.stringify([kind.group, kind.kind, namespace, name]);
}
