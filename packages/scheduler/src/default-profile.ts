import { freshMetricsFilter } from "./filters/fresh-metrics.ts";
import { leastKvCacheFilter } from "./filters/least-kv-cache.ts";
import { leastQueueFilter } from "./filters/least-queue.ts";
import { loraAffinityFilter } from "./filters/lora-affinity.ts";
import { randomPicker } from "./pickers/random.ts";
import { createProfile, type Profile } from "./profile.ts";

/**
 * The profile of a pool that is told nothing else: fresh metrics before stale ones, then endpoints that hold the
 * request's adapter or have room for it, then the shortest queue, then the most free KV cache; ties at random.
 *
 * Each step keeps the best of the step before. That needs no weights to be tuned, and a request is explained in
 * one line: the first step in which two endpoints differ decides.
 *
 * @param random uniform in [0, 1)
 */
export function defaultProfile(random: () => number): Profile {
  return createProfile({
    filters: [freshMetricsFilter, loraAffinityFilter(), leastQueueFilter, leastKvCacheFilter],
    picker: randomPicker(random),
  });
}
