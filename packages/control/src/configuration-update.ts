import type {
  BootstrapOptions,
  Diagnostic,
  JsonObject,
  Resolution,
  Topology,
  TopologyOptions,
} from "@umbra/envoy-config";
import type { Snapshot } from "@umbra/xds";
import type { StatusChanges } from "./resolve/status-report.ts";

/** A configuration to serve, and what is known about it. */
export interface ConfigurationUpdate {
  /** 1, 2, …: it grows when the topology or Envoy's resources differ, not when only the findings do. */
  readonly generation: number;
  readonly topology: Topology;
  /** Envoy's resources; undefined without `rendering`. */
  readonly snapshot: Snapshot | undefined;
  /** Problems in the files as they are now. */
  readonly findings: readonly Diagnostic[];
  readonly staleFiles: Resolution["staleFiles"];
  /** What became of each route at each listener that it names. */
  readonly attachments: Resolution["attachments"];
  /** Resources read. */
  readonly objects: number;
  /** What differs from the update before, in words: `route default/chat: percent 10 → 25`. Bounded. */
  readonly changes: readonly string[];
  /** When the change was seen, in milliseconds since the epoch. */
  readonly changedAtMs: number;
  /** Why the files as they are now are not served at all. The topology is the last good one then. */
  readonly refusal?: string;
}

/** Flags that take part in reading; plain data, as they go to another thread. */
export type SourceTopologyOptions = Omit<TopologyOptions, "checkPickerConfig">;

/** Options of `renderResources` that the files don't give. */
export type RenderingOptions = Partial<Omit<BootstrapOptions, "certificates" | "isDynamic">>;

export interface ConfigurationSourceOptions {
  /** Files and folders as given with `-f`, without `-`. */
  readonly paths: readonly string[];
  /** Content that can't change: standard input, by the name `-`. */
  readonly fixed?: readonly SourceText[];
  /**
   * Content of files that was good before this start: its resources are served where a file can't be parsed now. With
   * it, errors in the files don't fail the start.
   */
  readonly earlier?: readonly SourceText[];
  readonly topology?: SourceTopologyOptions;
  /** Absent: Envoy gets no configuration from here, and nothing is rendered. */
  readonly rendering?: RenderingOptions;
  /** Interfaces of Umbra and Envoy, `host:port`: no endpoint may be one of them. */
  readonly ownInterfaces?: readonly string[];
  /** False: the files are read once. */
  readonly isWatched: boolean;
  /**
   * With it, an API server is a source too, alone or in addition to files, and nothing is served before `synced`. Returns all
   * objects as they are now: a thread that is started again asks for them.
   */
  readonly objects?: () => readonly JsonObject[];
  /** Another configuration, or other findings. */
  readonly onChange: (update: ConfigurationUpdate) => void;
  /** Statuses that objects should have, as long as `ConfigurationSource.serves` asks for them. */
  readonly onStatuses?: (statuses: StatusChanges) => void;
  /** For people: what does not work as usual, such as a thread that was started again. */
  readonly onProblem: (words: string) => void;
}

export interface SourceText {
  readonly name: string;
  readonly text: string | Uint8Array;
}
