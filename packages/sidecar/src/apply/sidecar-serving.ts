import {
  heldRequestBytes,
  keepStartSettings,
  leastHeldBytes,
  type Topology,
} from "@umbra/envoy-config";
import type { ExtProcServer } from "@umbra/ext-proc";
import type { Logger } from "pino";
import type { SidecarParts } from "../assemble.ts";
import type { ScrapeLoop } from "../scrape/scrape-loop.ts";
import { warnOfUnverifiedTls } from "../scrape/unverified-tls.ts";
import type { Gone } from "./gone.ts";
import { createServingState, type ServingPart, type ServingState } from "./serving-state.ts";

/** The serving state of a sidecar, with what it serves now. */
export interface SidecarServing extends ServingState {
  /** The topology that was begun last, with the settings that are used. */
  readonly topology: Topology;
  /** Names of changed settings that are used only after a restart, such as `maxBody`. */
  readonly needRestart: readonly string[];
}

export interface SidecarServingOptions {
  readonly parts: Pick<SidecarParts, "pools" | "paths" | "metrics" | "servingMirrors">;
  readonly scraping: ScrapeLoop;
  readonly server: Pick<ExtProcServer, "setMaxHeldBytes">;
  readonly gone: Gone;
  /** The topology at the start, as it was given. */
  readonly started: Topology;
  /** Limits the sidecar's memory to its container. */
  readonly inOwnMemory: (topology: Topology) => Topology;
  /** True if the sidecar sends a key to endpoints. */
  readonly hasKey: boolean;
  readonly log: Logger;
}

export function createSidecarServing(options: SidecarServingOptions): SidecarServing {
  const { parts, scraping, server, gone, started, inOwnMemory, log } = options;
  const { pools, paths, metrics, servingMirrors } = parts;
  const state = createServingState([
    pools,
    paths,
    servingMirrors,
    { begin: () => scraping.update(), retire: () => scraping.update() },
    { begin: (topology) => void (metrics.begin(topology) && gone.note()) },
    { begin: (topology) => server.setMaxHeldBytes(heldBytes(topology)) },
    ...(options.hasKey ? [createKeyWarnings(options)] : []),
  ]);
  let topology = inOwnMemory(started);
  let needRestart: readonly string[] = [];

  function noteRestart(names: readonly string[]): void {
    if (names.length > 0 && names.join() !== needRestart.join()) {
      log.warn({ settings: names }, "changed settings need a restart: keeping the old values");
    }
    needRestart = names;
  }

  /** As it was given. */
  let begun = started;
  state.begin(topology);
  return {
    get topology() {
      return topology;
    },
    get needRestart() {
      return needRestart;
    },
    begin(next) {
      // The first configuration that is applied is the one of the start.
      if (next === begun) return;
      const kept = keepStartSettings(next, started.envoy.settings);
      const used = inOwnMemory(kept.topology);
      state.begin(used);
      topology = used;
      begun = next;
      noteRestart(kept.needRestart);
    },
    admitEndpoints: state.admitEndpoints,
    retire: state.retire,
  };
}

/** At least two requests of maximum size, even on a small machine: fail towards serving. */
export function heldBytes(topology: Topology): number {
  return Math.max(heldRequestBytes(topology), leastHeldBytes(topology.envoy.settings));
}

/** Warns once for each pool that gets the key over unverified TLS. */
function createKeyWarnings({ parts: { pools }, log }: SidecarServingOptions): ServingPart {
  let warned: ReadonlySet<string> = new Set();
  return {
    begin(topology) {
      const served = topology.pools.filter(({ name }) => pools.has(name));
      const isNew = served.filter(({ name }) => !warned.has(name));
      warned = new Set([
        ...served.flatMap(({ name }) => (warned.has(name) ? [name] : [])),
        ...warnOfUnverifiedTls(isNew, log),
      ]);
    },
  };
}
