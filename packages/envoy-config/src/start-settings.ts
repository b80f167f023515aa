import type { Topology } from "./topology.ts";

type Settings = Topology["envoy"]["settings"];

/** Settings that the sidecar reads only at its start, with their names in resources. */
const startSettings = [
  ["maxBodyBytes", "maxBody"],
  ["maxHeaderBytes", "maxHeaderSize"],
  ["maxQueueMs", "maxQueueTime"],
  ["sidecarMemoryBytes", "sidecarMemory"],
] as const satisfies readonly (readonly [keyof Settings, string])[];

export interface KeptSettings {
  /** The topology with the settings from the start, where they can't change. */
  readonly topology: Topology;
  /** Names of the changed settings that need a restart, such as `maxBody`. */
  readonly needRestart: readonly string[];
}

/** Keeps the values of settings that can't change at run time. */
export function keepStartSettings(topology: Topology, started: Settings): KeptSettings {
  const { envoy } = topology;
  const changed = startSettings.filter(([key]) => envoy.settings[key] !== started[key]);
  if (changed.length === 0) return { topology, needRestart: [] };
  const kept = Object.fromEntries(changed.map(([key]) => [key, started[key]]));
  return {
    topology: { ...topology, envoy: { ...envoy, settings: { ...envoy.settings, ...kept } } },
    needRestart: changed.map(([, name]) => name),
  };
}
