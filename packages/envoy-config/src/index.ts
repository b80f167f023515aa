export {
  destinationHeader,
  laneClusterName,
  mirrorHeader,
  primaryClusterName,
  shadowClusterName,
  streamMetadata,
} from "./bootstrap/names.ts";
export { type BootstrapOptions, defaultBootstrapOptions } from "./bootstrap/options.ts";
export { renderBootstrap } from "./bootstrap/render.ts";
export type { Diagnostic } from "./diagnostic.ts";
export type {
  Backend,
  HeaderEntry,
  HeaderModifier,
  Listener,
  Mirror,
  Model,
  ModelServer,
  Pool,
  Route,
  RouteAction,
  RouteMatch,
  Topology,
  UrlRewrite,
  ValueMatch,
  VirtualHost,
} from "./topology.ts";
