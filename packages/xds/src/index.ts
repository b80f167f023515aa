export {
  type AdsObserver,
  type AdsServer,
  type AdsServerOptions,
  type ClientState,
  createAdsServer,
} from "./ads-server.ts";
export type { Rejection } from "./channel.ts";
export { EncodingError, encodeResource } from "./encode.ts";
export { type Kind, kinds, messageNameOf, nounOf, shownMessage, typeUrlOf } from "./kind.ts";
export { createRouteEncoder, type EncodeRoutes } from "./route-encoder.ts";
export {
  createResource,
  emptySnapshot,
  type Resource,
  type Snapshot,
  snapshotOf,
} from "./snapshot.ts";
