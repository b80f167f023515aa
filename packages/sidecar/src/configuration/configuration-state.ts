import type { Diagnostic, Severity } from "@umbra/envoy-config";
import type { ClientState, Kind } from "@umbra/xds";
import { createDistribution, type Distribution } from "../metrics/distribution.ts";

/** What is known of a configuration besides the topology. */
export interface ConfigurationFacts {
  /** 1, 2, … */
  readonly generation: number;
  readonly findings: readonly Diagnostic[];
  readonly staleFiles: readonly StaleFile[];
  /** Resources that have been read. */
  readonly objects: number;
  /** In words: `route default/chat: percent 10 → 25`. */
  readonly changes: readonly string[];
  /** Milliseconds since the epoch when the change was seen. */
  readonly changedAtMs: number;
}

/** A file that can't be read or parsed: its last good objects are served. */
export interface StaleFile {
  readonly file: string;
  readonly problem: string;
}

/** The configuration that the sidecar serves, for metrics and people. */
export interface ConfigurationState {
  /** What was applied last; undefined before the first configuration. */
  readonly facts: ConfigurationFacts | undefined;
  /** Milliseconds since the epoch of the last configuration that was applied. */
  readonly appliedAtMs: number | undefined;
  /** Milliseconds from a change until an Envoy had taken all of it, once for each Envoy. */
  readonly changeToAckMs: Distribution;
  /** Answers that Envoys have refused, by kind. */
  readonly refusals: ReadonlyMap<Kind, number>;
  /** Connected Envoys. */
  readonly clients: () => readonly ClientState[];
  /** A configuration has been applied. */
  applied(facts: ConfigurationFacts): void;
  refused(kind: Kind): void;
  findingCount(severity: Severity): number;
}

/** Bounds in ms, up to the age at which a change is surely stuck. */
const ackBounds = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 15_000];

export function createConfigurationState(
  clients: () => readonly ClientState[],
  wallClock: () => number,
): ConfigurationState {
  let facts: ConfigurationFacts | undefined;
  let appliedAtMs: number | undefined;
  const refusals = new Map<Kind, number>();
  return {
    get facts() {
      return facts;
    },
    get appliedAtMs() {
      return appliedAtMs;
    },
    changeToAckMs: createDistribution(ackBounds),
    refusals,
    clients,
    applied(next) {
      facts = next;
      appliedAtMs = wallClock();
    },
    refused: (kind) => void refusals.set(kind, (refusals.get(kind) ?? 0) + 1),
    findingCount: (of) => facts?.findings.filter(({ severity }) => severity === of).length ?? 0,
  };
}
