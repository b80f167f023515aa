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
