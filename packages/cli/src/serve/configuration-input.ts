import { once } from "node:events";
import {
  type ConfigurationSource,
  type ConfigurationSourceOptions,
  type ConfigurationUpdate,
  type RenderingOptions,
  startConfiguration,
} from "@umbra/control";
import { defined } from "@umbra/shadow/defined";
import type { FollowedKinds } from "@umbra/sidecar";
import { encodeResources } from "../envoy/encode-resources.ts";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import { followedKinds } from "../kube/followed-kinds.ts";
import { type KubeSource, openKube } from "../kube/kube-source.ts";
import { type StatusesInCluster, writeStatuses } from "../kube/write-statuses.ts";
import type { HandOver } from "../process/hand-over.ts";
import {
  type KubeChoice,
  type KubeFlags,
  kubeChoiceOf,
  statusLeaseOf,
} from "../resources/kube-flags.ts";
import { canChange, readSourceFiles } from "../resources/read-files.ts";
import {
  areFilesGiven,
  type InterfaceFlags,
  ownInterfacesOf,
  readingOptionsOf,
  refuseErrors,
  soundReadOf,
  type TopologyFlags,
  type TopologyNeeds,
} from "../resources/topology-flags.ts";

type InputFlags = TopologyFlags & KubeFlags & InterfaceFlags & { readonly watch: boolean };

export interface InputOptions {
  readonly flags: InputFlags;
  /** From `umbra up`, which has checked the files; absent: errors in them fail the start. */
  readonly handed: Pick<HandOver, "fixed" | "earlier"> | undefined;
  readonly io: Io;
  /** How resources for Envoy are rendered. Absent: it gets its configuration elsewhere. */
  readonly rendering?: RenderingOptions;
  readonly onChange: (update: ConfigurationUpdate) => void;
  readonly onProblem: (words: string) => void;
  /** For people: what goes as usual. */
  readonly onNote: (words: string) => void;
}

/** The configuration that a sidecar starts with, and where the next ones come from. */
export interface ConfigurationInput {
  readonly first: ConfigurationUpdate;
  /** What Envoys say about the configuration. */
  readonly rollout: Pick<ConfigurationSource, "refused" | "accepted" | "tried">;
  /** Namespaces of an API server that are followed, and how it goes for each kind. */
  readonly namespaces?: KubeSource["namespaces"];
  readonly followedKinds?: FollowedKinds;
  /** The statuses of an API server's objects; absent: this process writes none. */
  readonly statuses?: StatusesInCluster;
  /** Ends `onChange`. */
  close(): Promise<void>;
}

/**
 * Reads the resources of `umbra serve`, and follows their files and the API server. Throws CommandError or
 * UsageError.
 */
export async function openConfiguration(options: InputOptions): Promise<ConfigurationInput> {
  const { flags, io } = options;
  const choice = kubeChoiceOf(flags);
  if (choice !== undefined) return openWithKube(options, choice);
  if (!areFilesGiven(flags)) return fixedInput(directConfiguration(options));
  const source = startConfiguration({ ...settingsOf(options), ...filesOf(options, flags.file) });
  const first = await firstOf(source);
  if (options.handed === undefined) await refuseUnsound(source, first, io);
  return { first, rollout: source, close: () => source.close() };
}

/** One team's broken resource must not keep another's from being served: errors don't fail the start. */
async function openWithKube(
  options: InputOptions,
  choice: KubeChoice,
): Promise<ConfigurationInput> {
  const { flags, io, rendering, onProblem } = options;
  const isRendering = rendering !== undefined;
  const kube = openKube({
    ...{ choice, env: io.env, onProblem },
    kindsOf: (namespaces) => followedKinds({ namespaces, isRendering }),
  });
  const source = startConfiguration({
    earlier: [],
    // A picker behind other Gateways serves what those route.
    ...settingsOf(options, { hasOnlyOwnGateways: isRendering }),
    ...filesOf(options, flags.file ?? []),
    objects: kube.objects,
    onStatuses: (changes) => statuses?.takeStatuses(changes),
  });
  const statuses = statusesOf(options, kube, source);
  const close = async () => {
    await statuses?.close();
    await kube.close();
    await source.close();
  };
  kube.feed(source, (changes) => statuses?.takeObjects(changes));
  try {
    const first = await orAborted(firstOf(source), io.signal);
    const { namespaces, kinds: followedKinds } = kube;
    return { first, rollout: source, namespaces, followedKinds, ...defined({ statuses }), close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** Undefined with `--no-status`. */
function statusesOf(
  { flags, rendering, onProblem, onNote }: InputOptions,
  kube: KubeSource,
  configuration: Pick<ConfigurationSource, "serves">,
): StatusesInCluster | undefined {
  const lease = statusLeaseOf(flags);
  if (lease === undefined) return undefined;
  return writeStatuses({
    ...{ client: kube.client, lease, isRendering: rendering !== undefined, configuration },
    objects: kube.objects,
    find: ({ kind, ...named }) =>
      kube.find({ ...named, apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind }),
    ...{ onProblem, onNote },
  });
}

function settingsOf(options: InputOptions, choice: Pick<TopologyNeeds, "hasOnlyOwnGateways"> = {}) {
  const { flags, rendering, onChange, onProblem } = options;
  return {
    topology: readingOptionsOf(flags, { isGatewayNeeded: rendering !== undefined, ...choice }),
    ...defined({ rendering }),
    ownInterfaces: ownInterfacesOf(flags),
    isWatched: flags.watch,
    ...{ onChange, onProblem },
  };
}

function firstOf({ first }: Pick<ConfigurationSource, "first">): Promise<ConfigurationUpdate> {
  return first.catch((cause: Error) => {
    throw new CommandError(cause.message, { cause });
  });
}

/** Ends the wait for an API server that does not answer, when the command is to end. */
async function orAborted<T>(waited: Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = () => new CommandError("ended before all resources of the API server had arrived");
  // Its event does not come again.
  if (signal.aborted) throw ended();
  const settled = new AbortController();
  const aborted = once(signal, "abort", { signal: settled.signal }).then(() => {
    throw ended();
  });
  try {
    return await Promise.race([waited, aborted]);
  } finally {
    settled.abort();
    aborted.catch(() => undefined);
  }
}

/** What is read again, and what is read already. */
function filesOf(
  { flags: { watch }, handed, io }: InputOptions,
  file: readonly string[],
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
  return { first, rollout: { refused() {}, accepted() {}, tried() {} }, async close() {} };
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
