import type { Io } from "../io.ts";
import { type KubeFlags, kubeChoiceOf } from "../resources/kube-flags.ts";
import {
  checkPickerConfig,
  type InterfaceFlags,
  type ReadTopology,
  readingOptionsOf,
  refuseOwnInterfaces,
  soundReadOf,
  type TopologyFlags,
  type TopologyNeeds,
  topologyOf,
} from "../resources/topology-flags.ts";
import { severityCounts } from "../severity-counts.ts";

type ResourceFlags = TopologyFlags & KubeFlags;

export interface ResourceNeeds extends TopologyNeeds {
  /** False: Envoy's certificates are not read. True when absent. */
  readonly isRendering?: boolean;
}

/**
 * Reads the resources once: from an API server with `--kube`, else from files only. Problems in them are diagnostics.
 * Throws UsageError for wrong flags, and CommandError when the API server or a file can't be read.
 */
export async function readResources(
  flags: ResourceFlags,
  io: Io,
  needs: ResourceNeeds = {},
): Promise<ReadTopology> {
  const { isRendering = true, ...others } = needs;
  const choice = kubeChoiceOf(flags);
  if (choice === undefined) return topologyOf(flags, io, others);
  const options = { ...readingOptionsOf(flags, others), checkPickerConfig };
  // Only few commands of few users need what this loads.
  const { readWithKube } = await import("./read-objects.ts");
  return readWithKube({ choice, files: flags.file ?? [], options, isRendering }, io);
}

/**
 * Like `readResources`, for commands that need resources that can be served. Errors in files end the command; errors in
 * a cluster are those of other teams too, so that their number is printed and the rest is used.
 */
export async function readUsableResources(
  flags: ResourceFlags & InterfaceFlags,
  io: Io,
  needs: ResourceNeeds = {},
): Promise<ReadTopology> {
  const { isRendering: _, ...others } = needs;
  if (kubeChoiceOf(flags) === undefined) return soundReadOf(flags, io, others);
  const read = await readResources(flags, io, needs);
  refuseOwnInterfaces(read.topology, flags);
  const errors = read.diagnostics.filter(({ severity }) => severity === "error");
  if (errors.length > 0) {
    io.stderr(`warning: ${severityCounts(errors)} in the resources: see umbra check --kube\n`);
  }
  return read;
}
