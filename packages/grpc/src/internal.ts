// What only this repository's tests, benches and simulations import, as `@umbra/grpc/internal`. No promises: it may change in
// any version, and it resolves only under the condition `@umbra/source`, which this repository sets and an application does not.

export { HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";
export { maxHeadBytes } from "./method.ts";
