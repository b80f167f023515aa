export { Health } from "./gen/grpc/health/v1/health_pb.ts";
export { createHealthService, type HealthOptions, type HealthService } from "./health.ts";
export { type ListenAddress, listenAddress } from "./listen-address.ts";
export type { MessageRoom } from "./message-reader.ts";
export { createMessageRoom, type LimitedRoom } from "./message-room.ts";
export {
  type Call,
  type CallHandler,
  type Failure,
  type HeadedMessage,
  type Message,
  type Method,
  type StatusCode,
  statusCode,
} from "./method.ts";
export { methodPath } from "./method-path.ts";
export { ProtocolError } from "./protocol-error.ts";
export { reflectionMethods } from "./reflection.ts";
export {
  type Certificates,
  createGrpcServer,
  type GrpcServer,
  type GrpcServerOptions,
} from "./server.ts";
