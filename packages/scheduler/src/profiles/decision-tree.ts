import { capacityFilter } from "../filters/capacity.ts";
import { leastKvCacheFilter } from "../filters/least-kv-cache.ts";
import { leastQueueFilter } from "../filters/least-queue.ts";
import { loraAffinityFilter } from "../filters/lora-affinity.ts";
import { lowQueueFilter } from "../filters/low-queue.ts";
import { type InferenceRequest, priorityOf } from "../model/request.ts";
import { randomPicker } from "../pickers/random.ts";
import type { Filter } from "../plugin.ts";
import { createProfile, type Profile } from "../profile.ts";
import { servingAmong, withServingFilters } from "./serving.ts";

/**
 * Creates the decision tree of the Gateway API Inference Extension's first scheduler (v0.2 and v0.3), with its
 * constants. Critical requests are placed by adapter first while any queue is below 128, otherwise by queue first. All
 * other requests need an endpoint with at most 5 waiting requests and at most 0.8 KV-cache usage, or are refused. The
 * profile sheds by itself, so use `admission: admitAll()` to apply only its own limits. Unlike the original, it puts
 * endpoints that are not ready or that fail last.
 */
export function decisionTreeProfile(): Profile {
  const lora = loraAffinityFilter({ queueThreshold: Number.POSITIVE_INFINITY });
  const queue = leastQueueFilter({ band: "range-per-endpoint" });
  const kvCache = leastKvCacheFilter({ band: "range-per-endpoint" });
  const lowQueue = lowQueueFilter({ threshold: 128 });
  const capacity = capacityFilter({ appliesTo: "all" });
  const name = "decision-tree";
  const branchOf = (...filters: readonly Filter[]) =>
    createProfile({ name, filters: withServingFilters(filters), picker: randomPicker });
  const byAdapter = branchOf(lowQueue, lora, queue, kvCache);
  const byQueue = branchOf(queue, lora, kvCache);
  const withCapacity = branchOf(capacity, queue, lora, kvCache);

  return {
    name,
    picker: randomPicker.name,
    choose(request, endpoints, context, trace) {
      if (!isCritical(request)) return withCapacity.choose(request, endpoints, context, trace);
      const serving = servingAmong(request, endpoints, context);
      const hasLowQueue = lowQueue.narrow(request, serving, context).length > 0;
      const branch = hasLowQueue ? byAdapter : byQueue;
      return branch.choose(request, endpoints, context, trace);
    },
    permits: (request, endpoint, context) =>
      isCritical(request) || withCapacity.permits(request, endpoint, context),
    recordPick() {},
  };
}

/** As in the original, standard requests take the branch of sheddable ones. */
function isCritical(request: InferenceRequest): boolean {
  return priorityOf(request) > 0;
}
