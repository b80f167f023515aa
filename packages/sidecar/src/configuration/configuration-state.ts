import type { Diagnostic, RouteAttachment, StaleFile } from "@umbra/envoy-config";
import type { ClientState, Kind } from "@umbra/xds";
import { createDistribution, type Distribution } from "../metrics/distribution.ts";

/** What is known about a configuration, except its topology. */
export interface ConfigurationFacts {
  /** 1, 2, … */
  readonly generation: number;
  readonly findings: readonly Diagnostic[];
  readonly staleFiles: readonly StaleFile[];
  /** Resources that have been read. */
  readonly objects: number;
  /** What became of each route at each listener that it names; absent if the source does not know. */
  readonly attachments?: readonly RouteAttachment[];
  /** In words: `route default/chat: percent 10 → 25`. */
  readonly changes: readonly string[];
  /** Milliseconds since the epoch when the change was seen. */
  readonly changedAtMs: number;
}

/** The configuration that the sidecar serves, for metrics and people. */
export interface ConfigurationState {
  /** What was applied last; undefined before the first configuration. */
  readonly facts: ConfigurationFacts | undefined;
  /** Milliseconds since the epoch of the last configuration that was applied. */
  readonly appliedAtMs: number | undefined;
  /** Seconds from a change until an Envoy had taken all of it, once for each Envoy. */
  readonly changeToAckS: Distribution;
  /** Answers that Envoys have refused, by kind. */
  readonly refusals: ReadonlyMap<Kind, number>;
  /** Requests for types that are not served. */
  readonly unknownTypes: number;
  /** Connected Envoys. */
  readonly clients: () => readonly ClientState[];
  /** A configuration has been applied. */
  applied(facts: ConfigurationFacts): void;
  refused(kind: Kind): void;
  unknownType(): void;
}

/** In seconds. 20 and 100 ms are the goals for a change of endpoints. */
const ackBounds = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15];

export function createConfigurationState(
  clients: () => readonly ClientState[],
  wallClock: () => number,
): ConfigurationState {
  let facts: ConfigurationFacts | undefined;
  let appliedAtMs: number | undefined;
  let unknownTypes = 0;
  const refusals = new Map<Kind, number>();
  return {
    get facts() {
      return facts;
    },
    get appliedAtMs() {
      return appliedAtMs;
    },
    changeToAckS: createDistribution(ackBounds),
    refusals,
    get unknownTypes() {
      return unknownTypes;
    },
    clients,
    applied(next) {
      // The same configuration with other findings: a change was refused.
      if (next.generation !== facts?.generation) appliedAtMs = wallClock();
      facts = next;
    },
    refused: (kind) => void refusals.set(kind, (refusals.get(kind) ?? 0) + 1),
    unknownType: () => void unknownTypes++,
  };
}
