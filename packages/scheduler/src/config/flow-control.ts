import type { BandLimits, FlowQueueOptions } from "../flow/types.ts";
import { type ConfigNode, present } from "./node.ts";
import type { CreateDetector, MadePlugin } from "./plugin-types.ts";

/** Settings of the queue, from `flowControl`. Absent fields have the queue's own defaults. */
export interface FlowSettings
  extends Pick<FlowQueueOptions, "maxRequests" | "maxBytes" | "ttlMs" | "noEndpointTtlMs"> {
  readonly bands: readonly BandSettings[];
  readonly defaultBand: Omit<BandSettings, "priority">;
  /** Same as `defaultBand` when absent. */
  readonly defaultNegativeBand?: Omit<BandSettings, "priority">;
}

/** Limits of the requests of one priority. */
export interface BandSettings extends Omit<BandLimits, "ceiling"> {
  readonly priority: number;
}

export interface FlowControl {
  readonly settings: FlowSettings;
  readonly detector: CreateDetector | undefined;
}

/** Finds the plugin that a node refers to by name. */
export type PluginOf = (node: ConfigNode) => MadePlugin | undefined;

export function readFlowControl(node: ConfigNode, pluginOf: PluginOf): FlowControl {
  node.allowOnly([
    ...["maxBytes", "maxRequests", "defaultRequestTTL", "noEndpointRequestTTL"],
    ...["defaultPriorityBand", "defaultNegativePriorityBand", "priorityBands"],
    ...["usageLimitPolicyPluginRef", "saturationDetector", "enableEviction"],
  ]);
  const detector = node.at("saturationDetector");
  detector.allowOnly(["pluginRef"]);
  const limits = node.at("usageLimitPolicyPluginRef");
  if (limits.isPresent) limits.report("is not supported: every band queues from saturation 1 on");
  if (node.at("enableEviction").flag() === true) {
    node.at("enableEviction").report("is not supported: running requests are never aborted");
  }
  const negative = node.at("defaultNegativePriorityBand");
  return {
    settings: {
      ...present({
        ...sizesOf(node),
        ttlMs: ttl(node.at("defaultRequestTTL")),
        noEndpointTtlMs: ttl(node.at("noEndpointRequestTTL")),
        defaultNegativeBand: negative.isPresent ? readBand(negative, pluginOf) : undefined,
      }),
      bands: node
        .at("priorityBands")
        .items()
        .map((each) => ({
          priority: each.needed("priority").integer() ?? 0,
          ...readBand(each, pluginOf),
        })),
      defaultBand: readBand(node.at("defaultPriorityBand"), pluginOf),
    },
    detector: pluginOfKind(detector.at("pluginRef"), "detector", pluginOf)?.create,
  };
}

function readBand(node: ConfigNode, pluginOf: PluginOf): Omit<BandSettings, "priority"> {
  node.allowOnly(["priority", "maxBytes", "maxRequests", "fairnessPolicyRef", "orderingPolicyRef"]);
  return present({
    ...sizesOf(node),
    fairness: pluginOfKind(node.at("fairnessPolicyRef"), "fairness", pluginOf)?.fairness,
    ordering: pluginOfKind(node.at("orderingPolicyRef"), "ordering", pluginOf)?.ordering,
  });
}

function sizesOf(node: ConfigNode) {
  return {
    maxRequests: node.at("maxRequests").quantity(),
    maxBytes: node.at("maxBytes").quantity(),
  };
}

const nameOfKind = {
  detector: "a saturation detector",
  fairness: "a fairness policy",
  ordering: "an ordering policy",
} as const;

/** Undefined if the node is missing. Reports a plugin of another kind. */
export function pluginOfKind<Kind extends keyof typeof nameOfKind>(
  ref: ConfigNode,
  kind: Kind,
  pluginOf: PluginOf,
): Extract<MadePlugin, { kind: Kind }> | undefined {
  const made = ref.isPresent ? pluginOf(ref) : undefined;
  if (made === undefined) return undefined;
  if (made.kind === kind) return made as Extract<MadePlugin, { kind: Kind }>;
  ref.report(`is not the name of ${nameOfKind[kind]}`);
  return undefined;
}

/** In the reference picker, a TTL of 0 means no limit. */
function ttl(node: ConfigNode): number | undefined {
  const ms = node.duration();
  return ms === 0 ? Number.POSITIVE_INFINITY : ms;
}
