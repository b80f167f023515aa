// What only this repository's tests import, as `@umbra/xds/internal`. No promises: it may change in any version, and it
// resolves only under the condition `@umbra/source`, which this repository sets and an application does not.

export {
  AggregatedDiscoveryService,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "./gen/xds/discovery_pb.ts";
export { Rollout } from "./rollout.ts";
export { Session } from "./session.ts";
