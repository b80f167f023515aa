import {
  type HeldObject,
  readObject,
  readWatchEvent,
  type WatchEvent,
} from "@umbra/kubernetes/internal";
import { routes } from "./fixtures.ts";

interface Logged {
  readonly revision: number;
  readonly line: string;
}

/** What an API server does to the objects of one kind, as plain data: its objects, its history, and what it forgot. */
export class ModelApiServer {
  #revision = 10;
  #oldest = 0;
  #log: Logged[] = [];
  #uids = 0;
  readonly #objects = new Map<string, { uid: string; revision: number }>();

  put(name: string): void {
    this.#revision++;
    const old = this.#objects.get(name);
    const stored = { uid: old?.uid ?? `uid-${++this.#uids}`, revision: this.#revision };
    this.#objects.set(name, stored);
    this.#tell(old === undefined ? "ADDED" : "MODIFIED", name, stored.uid);
  }

  remove(name: string): void {
    const old = this.#objects.get(name);
    if (old === undefined) return;
    this.#revision++;
    this.#objects.delete(name);
    this.#tell("DELETED", name, old.uid);
  }

  compact(): void {
    this.#log = [];
    this.#oldest = this.#revision;
  }

  list(): { objects: HeldObject[]; resourceVersion: string } {
    const objects = [...this.#objects].flatMap(([name, { uid, revision }]) => {
      const held = readObject(json(name, uid, revision), routes);
      return held === undefined ? [] : [held];
    });
    return { objects, resourceVersion: String(this.#revision) };
  }

  /** The next event after a version; undefined when there is none. */
  next(resourceVersion: string): WatchEvent | undefined {
    const from = Number(resourceVersion);
    if (from < this.#oldest) return { type: "error", status: 410, message: "too old" };
    const logged = this.#log.find(({ revision }) => revision > from);
    return logged === undefined ? undefined : readWatchEvent(logged.line, routes);
  }

  bookmark(): WatchEvent {
    return { type: "bookmark", resourceVersion: String(this.#revision) };
  }

  /** Each object's uid and version, by name. */
  content(): Map<string, string> {
    return new Map(
      [...this.#objects].map(([name, { uid, revision }]) => [name, `${uid} ${revision}`]),
    );
  }

  #tell(type: string, name: string, uid: string): void {
    const line = JSON.stringify({ type, object: json(name, uid, this.#revision) });
    this.#log.push({ revision: this.#revision, line });
  }
}

function json(name: string, uid: string, revision: number): object {
  return { metadata: { name, namespace: "a", uid, resourceVersion: String(revision) } };
}
