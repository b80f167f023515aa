import { type EngineMetrics, engines, vllmMetricNames } from "./engines.ts";
import { type WantedNames, wantedNames } from "./wanted-names.ts";

export const processStart = "process_start_time_seconds";
/** Python servers have these names from their start. Other servers have them too, along with further names. */
export const runtimeNames: readonly string[] = [processStart, "python_info"];

/** Labels of vLLM's LoRA gauge that list adapters. */
export const adapterLists = ["running_lora_adapters", "waiting_lora_adapters"] as const;

/** Labels that selectors use, by sample name. */
function wantedLabels(all: Iterable<EngineMetrics>): ReadonlyMap<string, readonly string[]> {
  const labels = new Map<string, string[]>();
  const add = (name: string, ...more: readonly string[]) =>
    labels.set(name, [...new Set([...(labels.get(name) ?? []), ...more])]);
  for (const { lora, cache, seats, adapterSlots, state, ...rest } of all) {
    if (lora !== undefined) {
      add(lora.requestsInfo, ...adapterLists, "max_lora");
      add(lora.loaded, "level", "adapter_name");
    }
    if (state !== undefined) add(state.name, state.label);
    if (cache !== undefined && "info" in cache) add(cache.info, cache.blockTokens, cache.blocks);
    const { waitingRequests, runningRequests, kvCacheUsage } = rest;
    const selectors = [
      ...waitingRequests,
      ...runningRequests,
      ...kvCacheUsage,
      seats,
      adapterSlots,
    ];
    if (cache !== undefined && !("info" in cache)) selectors.push(cache.blockTokens, cache.blocks);
    for (const selector of selectors) {
      if (selector?.labels !== undefined) add(selector.name, ...Object.keys(selector.labels));
    }
  }
  return labels;
}

export function namesOf(engine: EngineMetrics): readonly string[] {
  const { lora, cache, generationTokens, seats, adapterSlots, state, early = [], ...rest } = engine;
  const { waitingRequests, runningRequests, kvCacheUsage } = rest;
  return [
    ...[...waitingRequests, ...runningRequests, ...kvCacheUsage].map(({ name }) => name),
    ...(lora === undefined ? [] : Object.values(lora)),
    ...(cache === undefined
      ? []
      : "info" in cache
        ? [cache.info]
        : [cache.blockTokens.name, cache.blocks.name]),
    ...(generationTokens === undefined ? [] : [generationTokens]),
    ...[seats, adapterSlots, state].flatMap((each) => each?.name ?? []),
    ...early,
  ];
}

/** Names and labels that are read from a page, for all engines. */
export const wanted: WantedNames = wantedNames(
  [...runtimeNames, ...[...engines.values()].flatMap(namesOf)],
  wantedLabels(engines.values()),
  vllmMetricNames.loraRequestsInfo,
);
