import type { OnStep } from "../profile.ts";
import type { PluginTime } from "./events.ts";

/** Returns a listener that records the duration of each step in `steps`. */
export function stopwatch(now: () => number, steps: PluginTime[]): OnStep {
  let lastMs = now();
  return (point, name) => {
    const atMs = now();
    steps.push({ point, name, tookMs: atMs - lastMs });
    lastMs = atMs;
  };
}
