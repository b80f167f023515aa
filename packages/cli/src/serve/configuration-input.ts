import {
  type ConfigurationSource,
  type ConfigurationSourceOptions,
  type ConfigurationUpdate,
  type RenderingOptions,
  startConfiguration,
} from "@umbra/control";
import { defined } from "@umbra/shadow/defined";
import { encodeResources } from "../envoy/encode-resources.ts";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { HandOver } from "../process/hand-over.ts";
import { canChange, readSourceFiles } from "../resources/read-files.ts";
import {
  areFilesGiven,
  type InterfaceFlags,
  ownInterfacesOf,
  readingOptionsOf,
  refuseErrors,
  soundReadOf,
  type TopologyFlags,
} from "../resources/topology-flags.ts";

type InputFlags = TopologyFlags & InterfaceFlags & { readonly watch: boolean };

export interface InputOptions {
  readonly flags: InputFlags;
  /** From `umbra up`, which has checked the files; absent: errors in them fail the start. */
  readonly handed: Pick<HandOver, "fixed" | "earlier"> | undefined;
  readonly io: Io;
  /** How resources for Envoy are rendered. Absent: it gets its configuration elsewhere. */
  readonly rendering?: RenderingOptions;
  readonly onChange: (update: ConfigurationUpdate) => void;
  readonly onProblem: (words: string) => void;
}

/** The configuration that a sidecar starts with, and where the next ones come from. */
export interface ConfigurationInput {
  readonly first: ConfigurationUpdate;
  /** What Envoys say about the configuration. */
  readonly rollout: Pick<ConfigurationSource, "refused" | "accepted">;
  /** Ends `onChange`. */
  close(): Promise<void>;
}

/** Reads the resources of `umbra serve`, and follows their files. Throws CommandError or UsageError. */
export async function openConfiguration(options: InputOptions): Promise<ConfigurationInput> {
  const { flags, handed, io, rendering } = options;
  if (!areFilesGiven(flags)) return fixedInput(directConfiguration(options));
  const source = startConfiguration({
    ...contentOf(flags, handed, io),
    topology: readingOptionsOf(flags, { isGatewayNeeded: rendering !== undefined }),
    ...defined({ rendering }),
    ownInterfaces: ownInterfacesOf(flags),
    isWatched: flags.watch,
    onChange: options.onChange,
    onProblem: options.onProblem,
  });
  const first = await source.first.catch((cause: Error) => {
    throw new CommandError(cause.message, { cause });
  });
  if (handed === undefined) await refuseUnsound(source, first, io);
  return { first, rollout: source, close: () => source.close() };
}

/** What is read again, and what is read already. */
function contentOf(
  { file, watch }: { readonly file: readonly string[]; readonly watch: boolean },
  handed: InputOptions["handed"],
  io: Io,
): Pick<ConfigurationSourceOptions, "paths" | "fixed" | "earlier"> {
  const paths = file.filter(canChange);
  if (handed === undefined) {
    const once = file.filter((path) => !canChange(path));
    return { paths, fixed: readSourceFiles(once, io) };
  }
  const { fixed, earlier } = handed;
  if (watch) return { paths, fixed, earlier };
  // `umbra up` has read them. Envoy may have their content, so a sidecar that starts again needs the same.
  return { paths: [], fixed: [...fixed, ...earlier], earlier: [] };
}

/** Nothing takes the place of what Envoy refuses of it: Envoy keeps what it has. */
function fixedInput(first: ConfigurationUpdate): ConfigurationInput {
  return { first, rollout: { refused() {}, accepted() {} }, async close() {} };
}

async function refuseUnsound(
  source: Pick<ConfigurationSource, "close">,
  { findings }: ConfigurationUpdate,
  io: Io,
): Promise<void> {
  try {
    refuseErrors(findings, io);
  } catch (cause) {
    await source.close();
    throw cause;
  }
}

/** From `--primary` and `--shadow`, which can't change. */
function directConfiguration({ flags, io, rendering }: InputOptions): ConfigurationUpdate {
  const { topology, diagnostics } = soundReadOf(flags, io);
  return {
    generation: 1,
    topology,
    snapshot: rendering === undefined ? undefined : encodeResources(topology, rendering),
    findings: diagnostics,
    ...{ staleFiles: [], attachments: [], objects: 0, changes: [] },
    changedAtMs: Date.now(),
  };
}
