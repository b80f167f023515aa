import {
  type Diagnostic,
  type RouteAttachment,
  type StaleFile,
  trialListener,
} from "@umbra/envoy-config";
import { type ClientState, type Kind, shownMessage } from "@umbra/xds";
import type { ConfigurationState } from "./configuration-state.ts";

/** What `GET /v1/config` answers. It has names and messages, but no content of resources. */
export interface ConfigAnswer {
  /** The configuration that is served: 1, 2, …; 0 if it never changes while the sidecar runs. */
  readonly generation: number;
  /** Milliseconds since the epoch. */
  readonly appliedAtMs?: number;
  readonly objects: number;
  /** What the last change changed, in words. */
  readonly changes: readonly string[];
  /** At most 1,000, errors first. */
  readonly findings: readonly Omit<Diagnostic, "sourceLine">[];
  /** At most 1,000. */
  readonly staleFiles: readonly StaleFile[];
  /** At most 1,000, those that are not accepted first. */
  readonly attachments: readonly RouteAttachment[];
  /** The connected Envoys that get their configuration from the sidecar. */
  readonly envoys: readonly EnvoyAnswer[];
}

export interface EnvoyAnswer {
  readonly nodeId: string;
  /** True if Envoy has all of the newest configuration, except for what it refuses. */
  readonly isUpToDate: boolean;
  /** At most 1,000. */
  readonly refused: readonly ShownRejection[];
}

/** A resource that an Envoy refuses. It serves by the form that it accepted last. */
export interface ShownRejection {
  readonly type: Kind;
  readonly name: string;
  readonly version: string;
  /** Envoy's own words. */
  readonly message: string;
}

const mostListed = 1_000;
const severities = ["error", "warning", "info"] as const;

export function configAnswer(state: ConfigurationState): ConfigAnswer {
  const { facts, appliedAtMs } = state;
  const { generation = 0, objects = 0, changes = [], staleFiles = [] } = facts ?? {};
  const { findings = [], attachments = [] } = facts ?? {};
  return {
    generation,
    ...(appliedAtMs === undefined ? {} : { appliedAtMs }),
    objects,
    changes,
    findings: severities
      .flatMap((of) => findings.filter(({ severity }) => severity === of))
      .slice(0, mostListed)
      .map(({ sourceLine: _, ...shown }) => shown),
    staleFiles: staleFiles.slice(0, mostListed),
    attachments: [false, true]
      .flatMap((accepted) => attachments.filter(({ isAccepted }) => isAccepted === accepted))
      .slice(0, mostListed),
    envoys: state.clients().map(envoyAnswer),
  };
}

function envoyAnswer({ nodeId, isUpToDate, rejections }: ClientState): EnvoyAnswer {
  // Routes that are tried are not served: what is found about them becomes a finding.
  const served = rejections.filter(({ name }) => name !== trialListener);
  return { nodeId, isUpToDate, refused: served.slice(0, mostListed).map(shownRejection) };
}

export function shownRejection({
  kind,
  name,
  version,
  message,
}: ClientState["rejections"][number]): ShownRejection {
  return { type: kind, name, version, message: shownMessage(kind, message) };
}
