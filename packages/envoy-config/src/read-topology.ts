import type { Certificate } from "./certificate.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { resolveTopology } from "./resolve-topology.ts";
import type { SourceFile } from "./resources/read-file.ts";
import { readResources } from "./resources/read-resources.ts";
import type { Topology } from "./topology.ts";
import type { TopologyOptions } from "./topology-options.ts";

export interface TopologyRead {
  /** Only valid if no diagnostic is an error. */
  readonly topology: Topology;
  /** Certificates and keys of the listeners, by Secret `<namespace>/<name>`. Never print them. */
  readonly certificates: ReadonlyMap<string, Certificate>;
  /** Sorted by file and place. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads resources into a topology. Never throws: reports all problems as diagnostics in one pass. */
export function readTopology(
  files: readonly SourceFile[],
  options: TopologyOptions = {},
): TopologyRead {
  const { topology, certificates, diagnostics } = resolveTopology(readResources(files, options), {
    ...options,
    firstFile: files[0]?.name ?? "-",
  });
  return { topology, certificates, diagnostics };
}
