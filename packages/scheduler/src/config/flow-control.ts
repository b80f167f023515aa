import type { ConfigNode } from "./node.ts";
import type { CreateDetector, MadePlugin } from "./plugin-types.ts";

/** How requests wait for their turn, as `flowControl` says it. What is absent has the queue's own default. */
export interface FlowSettings {
  readonly maxRequests?: number;
  readonly maxBytes?: number;
  readonly ttlMs?: number;
  readonly noEndpointTtlMs?: number;
  readonly bands: readonly BandSettings[];
  readonly defaultBand: Omit<BandSettings, "priority">;
  /** Absent: as `defaultBand`. */
  readonly defaultNegativeBand?: Omit<BandSettings, "priority">;
}

export interface BandSettings {
  readonly priority: number;
  readonly maxRequests?: number;
  readonly maxBytes?: number;
  readonly fairness?: "round-robin" | "strict";
  readonly ordering?: "fcfs" | "edf";
}

export interface FlowControl {
  readonly settings: FlowSettings;
  readonly detector: CreateDetector | undefined;
}

/** @param pluginOf the plugin that a node refers to by name */
export function readFlowControl(
  node: ConfigNode,
  pluginOf: (node: ConfigNode) => MadePlugin | undefined,
): FlowControl {
  node.allowOnly([
    "maxBytes",
    "maxRequests",
    "defaultRequestTTL",
    "noEndpointRequestTTL",
    "defaultPriorityBand",
    "defaultNegativePriorityBand",
    "priorityBands",
    "usageLimitPolicyPluginRef",
    "saturationDetector",
    "enableEviction",
  ]);

  function band(of: ConfigNode): Omit<BandSettings, "priority"> {
    of.allowOnly(["priority", "maxBytes", "maxRequests", "fairnessPolicyRef", "orderingPolicyRef"]);
    const [fairnessRef, orderingRef] = [of.at("fairnessPolicyRef"), of.at("orderingPolicyRef")];
    const fairness = fairnessRef.isPresent ? pluginOf(fairnessRef) : undefined;
    const ordering = orderingRef.isPresent ? pluginOf(orderingRef) : undefined;
    if (fairness !== undefined && fairness.kind !== "fairness") {
      fairnessRef.report("names no fairness policy");
    }
    if (ordering !== undefined && ordering.kind !== "ordering") {
      orderingRef.report("names no ordering policy");
    }
    return present({
      maxRequests: of.at("maxRequests").quantity(),
      maxBytes: of.at("maxBytes").quantity(),
      fairness: fairness?.kind === "fairness" ? fairness.fairness : undefined,
      ordering: ordering?.kind === "ordering" ? ordering.ordering : undefined,
    });
  }

  const detectorRef = node.at("saturationDetector").at("pluginRef");
  const named = detectorRef.isPresent ? pluginOf(detectorRef) : undefined;
  if (named !== undefined && named.kind !== "detector") {
    detectorRef.report("names no saturation detector");
  }
  node.at("saturationDetector").allowOnly(["pluginRef"]);
  const negative = node.at("defaultNegativePriorityBand");
  const limits = node.at("usageLimitPolicyPluginRef");
  if (limits.isPresent) limits.report("is not supported: every band waits from saturation 1 on");
  if (node.at("enableEviction").flag() === true) {
    node.at("enableEviction").report("is not supported: requests that run are never ended");
  }
  return {
    settings: {
      ...present({
        maxRequests: node.at("maxRequests").quantity(),
        maxBytes: node.at("maxBytes").quantity(),
        ttlMs: ttl(node.at("defaultRequestTTL")),
        noEndpointTtlMs: ttl(node.at("noEndpointRequestTTL")),
        defaultNegativeBand: negative.isPresent ? band(negative) : undefined,
      }),
      bands: node
        .at("priorityBands")
        .items()
        .map((each) => {
          const priority = each.at("priority").integer();
          if (!each.at("priority").isPresent) each.report("has no `priority`");
          return { priority: priority ?? 0, ...band(each) };
        }),
      defaultBand: band(node.at("defaultPriorityBand")),
    },
    detector: named?.kind === "detector" ? named.create : undefined,
  };
}

/** Of no time at all the reference says that it has no end. */
function ttl(node: ConfigNode): number | undefined {
  const ms = node.duration();
  return ms === 0 ? Number.POSITIVE_INFINITY : ms;
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function present<T extends object>(values: T): Present<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Present<T>;
}
