import { defined } from "@umbra/shadow/defined";
import { compare } from "../compare.ts";
import type { JsonMap } from "../json-map.ts";
import { createKnown } from "../resolve/known.ts";
import { type ResolvedTopology, resolveTopology } from "../resolve-topology.ts";
import type { ObjectId } from "../resources/object-id.ts";
import { problemsOf, type ReadFile, readFile, type SourceFile } from "../resources/read-file.ts";
import { joinFiles } from "../resources/read-resources.ts";
import type { TopologyOptions } from "../topology-options.ts";
import { createHeldObjects, type SoughtObject } from "./held-objects.ts";
import { shareEqual } from "./share-equal.ts";

export interface ResourceStoreOptions extends TopologyOptions {
  /** True: the topology is served while it changes, so an error costs only what it concerns. */
  readonly isLive?: boolean;
  /**
   * True: the resources have every Pod and EndpointSlice, as an API server's have. A live Service then has no
   * endpoints while it has none there. Otherwise this takes a Pod in any state or an EndpointSlice, because files
   * without them leave the endpoints to DNS.
   */
  readonly hasAllPods?: boolean;
}

/** Resources of many files and objects, each read again only when it changes. */
export interface ResourceStore {
  /** Takes the present content of a file. A file that can't be decoded or parsed keeps its last good objects, and is stale. */
  put(file: SourceFile): void;
  /** Marks a file that can't be read: it keeps its last good objects, and is stale. */
  keep(name: string, problem: string): void;
  /** Removes a file and its objects. */
  remove(name: string): void;
  /**
   * Takes the present content of an object of an API server, as plain JSON. It replaces one of the same identity, and
   * comes after the files: where both have an object, the file's counts. Never throws.
   */
  putObject(object: JsonMap): void;
  removeObject(id: ObjectId): void;
  /** Returns the identity of an object that is held. */
  findObject(sought: SoughtObject): ObjectId | undefined;
  /** Returns what all files and objects mean together. What is as in the call before is the same object. Never throws. */
  resolve(): Resolution;
}

/** What all files mean together. */
export interface Resolution extends ResolvedTopology {
  readonly staleFiles: readonly StaleFile[];
}

/** A file that can't be read or parsed: its last good objects are served. */
export interface StaleFile {
  readonly file: string;
  readonly problem: string;
}

/** A file as it was last read. */
interface HeldFile {
  /** The last reading that can be used; absent: the file was never good. */
  readonly good?: ReadFile;
  /** The last reading, if it can't be used. */
  readonly bad?: ReadFile;
  /** Why the present content is not used. */
  readonly problem?: string;
}

/** Creates an empty store. Its files and objects count in the order of their names, whatever the order in which they came. */
export function createResourceStore(options: ResourceStoreOptions = {}): ResourceStore {
  const held = new Map<string, HeldFile>();
  const objects = createHeldObjects();
  const known = createKnown();
  let before: Resolution | undefined;
  return {
    put(file) {
      const { good, bad } = held.get(file.name) ?? {};
      const read = readFile(file, bad ?? good);
      const { problem } = read;
      if (problem === undefined) held.set(file.name, { good: read });
      else held.set(file.name, { ...defined({ good }), bad: read, problem });
    },
    keep(name, problem) {
      const { good } = held.get(name) ?? {};
      held.set(name, { ...defined({ good }), problem });
    },
    remove: (name) => void held.delete(name),
    putObject: (object) => objects.put(object),
    removeObject: (id) => objects.remove(id),
    findObject: (sought) => objects.find(sought),
    resolve() {
      const files = [...held].toSorted(([a], [b]) => compare(a, b));
      const good = files.flatMap(([, each]) => each.good ?? []);
      const all = [...good, ...objects.all()];
      const firstFile = files[0]?.[0] ?? all[0]?.name ?? "-";
      const resolved = resolveTopology(joinFiles(all, options), { ...options, known, firstFile });
      before = sharedWith(before, resolutionOf(resolved, files));
      return before;
    },
  };
}

/** What has not changed is the same object as before, so that no one has to look into it. */
function sharedWith(before: Resolution | undefined, after: Resolution): Resolution {
  return {
    ...after,
    topology: shareEqual(before?.topology, after.topology),
    attachments: shareEqual(before?.attachments, after.attachments),
    diagnostics: shareEqual(before?.diagnostics, after.diagnostics),
    staleFiles: shareEqual(before?.staleFiles, after.staleFiles),
  };
}

function resolutionOf(
  resolved: ResolvedTopology,
  files: readonly (readonly [string, HeldFile])[],
): Resolution {
  const findings = files.flatMap(([, { bad }]) => (bad === undefined ? [] : problemsOf(bad)));
  return {
    ...resolved,
    diagnostics: [...resolved.diagnostics, ...findings].toSorted(
      (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column,
    ),
    staleFiles: files.flatMap(([file, { problem }]) =>
      problem === undefined ? [] : { file, problem },
    ),
  };
}
