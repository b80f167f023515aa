import type { OnStep } from "../profile.ts";
import type { PluginTime } from "./events.ts";

/** Writes down how long each step takes, from now on. */
export function stopwatch(now: () => number, steps: PluginTime[]): OnStep {
  let lastMs = now();
  return (point, name) => {
    const atMs = now();
    steps.push({ point, name, tookMs: atMs - lastMs });
    lastMs = atMs;
  };
}
