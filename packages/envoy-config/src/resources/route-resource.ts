import type {
  BackendFilters,
  CorsPolicy,
  HeaderModifier,
  Route,
  RouteMatch,
  UrlRewrite,
} from "../topology.ts";
import type { Meta } from "./meta.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { Place } from "./report.ts";

export interface HttpRoute extends Meta {
  readonly parents: readonly ParentRef[];
  readonly hostnames: readonly string[];
  readonly rules: readonly RouteRule[];
}

export interface ParentRef extends ObjectRef {
  readonly namespace: string;
  readonly sectionName: string | undefined;
  readonly port: number | undefined;
}

/** The filters of a rule, or of one of its backends. */
export interface Filters {
  readonly requestHeaders: HeaderModifier;
  readonly responseHeaders: HeaderModifier;
  readonly rewrite: UrlRewrite | undefined;
  readonly redirect: RedirectFilter | undefined;
  readonly mirrors: readonly MirrorFilter[];
  readonly cors?: CorsPolicy;
}

export interface RouteRule
  extends Filters,
    Pick<Route, "timeoutMs" | "backendTimeoutMs" | "retry"> {
  readonly place: Place;
  readonly name: string | undefined;
  readonly matches: readonly RouteMatch[];
  /** Where each match stands; the rule itself where it names none. */
  readonly matchPlaces: readonly Place[];
  readonly backends: readonly RuleBackend[];
  readonly session?: SessionPersistence;
}

export interface SessionPersistence {
  readonly kind: "cookie" | "header";
  readonly name: string | undefined;
  /** A cookie that outlives the browser. */
  readonly isPermanent: boolean;
  readonly absoluteMs: number | undefined;
  readonly hasIdleTimeout: boolean;
  readonly place: Place;
}

export interface RuleBackend extends BackendRef {
  readonly weight: number;
  readonly filters?: BackendFilters;
  /** What only a route can do: the rule is rendered as a route for each of its backends. */
  readonly routing?: BackendRouting;
}

/** Filters of a single backend beside headers and the hostname. */
export interface BackendRouting extends Pick<Filters, "redirect" | "mirrors"> {
  readonly path: UrlRewrite["path"];
}

export interface RedirectFilter {
  readonly scheme: string | undefined;
  readonly hostname: string | undefined;
  readonly port: number | undefined;
  readonly path: UrlRewrite["path"];
  readonly statusCode: number;
}

export interface MirrorFilter {
  readonly backend: BackendRef;
  readonly perMillion: number;
}

export interface BackendRef extends ObjectRef {
  readonly namespace: string | undefined;
  readonly port: number | undefined;
}
