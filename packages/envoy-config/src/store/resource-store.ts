import type { Certificate } from "../certificate.ts";
import { compare } from "../compare.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { type ResolvedTopology, resolveTopology } from "../resolve-topology.ts";
import { parseProblems } from "../resources/parse-problems.ts";
import { readResources, type SourceFile } from "../resources/read-resources.ts";
import type { RouteAttachment } from "../route-attachment.ts";
import type { Topology } from "../topology.ts";
import type { TopologyOptions } from "../topology-options.ts";

export interface ResourceStoreOptions extends TopologyOptions {
  /** True: the topology is served while it changes, so an error costs only what it concerns. */
  readonly isLive?: boolean;
}

/** Resources of many files, each read again only when it changes. */
export interface ResourceStore {
  /** Takes the present content of a file. A file that can't be decoded or parsed keeps its last good objects, and is stale. */
  put(file: SourceFile): void;
  /** Marks a file that can't be read: it keeps its last good objects, and is stale. */
  keep(name: string, problem: string): void;
  /** Removes a file and its objects. */
  remove(name: string): void;
  /** Returns what all files mean together. Never throws. */
  resolve(): Resolution;
}

/** What all files mean together. */
export interface Resolution {
  /** Always servable: an error costs only what it concerns, which is left out. */
  readonly topology: Topology;
  /** Certificates and keys of the listeners, by Secret `<namespace>/<name>`. Never print them. */
  readonly certificates: ReadonlyMap<string, Certificate>;
  /** Sorted by file and place. */
  readonly diagnostics: readonly Diagnostic[];
  readonly attachments: readonly RouteAttachment[];
  /** Resources that were read. */
  readonly objects: number;
  readonly staleFiles: readonly StaleFile[];
  /** An error about Envoy as a whole, for which the last topology should continue to serve: in an EnvoySettings, an EnvoyProxy or its memory. */
  readonly refusal: string | undefined;
}

/** A file that can't be read or parsed: its last good objects are served. */
export interface StaleFile {
  readonly file: string;
  readonly problem: string;
}

/** A file with its last good text. */
interface HeldFile {
  /** Absent: the file was never good. */
  readonly good?: SourceFile;
  /** Why the present content is not used. */
  readonly problem?: string;
  /** What is wrong with the present content. */
  readonly findings: readonly Diagnostic[];
}

/** Creates an empty store. Its files count in the order of their names, whatever the order in which they came. */
export function createResourceStore(options: ResourceStoreOptions = {}): ResourceStore {
  const held = new Map<string, HeldFile>();
  return {
    put(file) {
      const findings = parseProblems(file);
      const [first] = findings;
      if (first === undefined) held.set(file.name, { good: file, findings });
      else {
        const { good } = held.get(file.name) ?? {};
        held.set(file.name, { ...(good && { good }), problem: first.message, findings });
      }
    },
    keep(name, problem) {
      const { good } = held.get(name) ?? {};
      held.set(name, { ...(good && { good }), problem, findings: [] });
    },
    remove: (name) => void held.delete(name),
    resolve() {
      const files = [...held].toSorted(([a], [b]) => compare(a, b));
      const good = files.flatMap(([, { good }]) => good ?? []);
      const firstFile = files[0]?.[0] ?? "-";
      return resolutionOf(resolveTopology(readResources(good), { ...options, firstFile }), files);
    },
  };
}

function resolutionOf(
  resolved: ResolvedTopology,
  files: readonly (readonly [string, HeldFile])[],
): Resolution {
  const findings = files.flatMap(([, each]) => each.findings);
  return {
    ...resolved,
    diagnostics: [...resolved.diagnostics, ...findings].toSorted(
      (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column,
    ),
    attachments: [],
    staleFiles: files.flatMap(([file, { problem }]) =>
      problem === undefined ? [] : { file, problem },
    ),
  };
}
