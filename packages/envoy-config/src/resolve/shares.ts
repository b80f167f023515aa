import { defined } from "@umbra/shadow/defined";
import { combineModifiers } from "../header-modifier.ts";
import type { BackendRouting, RedirectFilter, RouteRule } from "../resources/resources.ts";
import { wholeShare } from "../share-draw.ts";
import type { Backend, Route, RouteAction, RouteShare } from "../topology.ts";

/** A backend with its own routing, which needs a separate route. */
export interface RoutedBackend {
  readonly backend: Backend;
  readonly routing: BackendRouting | undefined;
  /** Names of the backend's own mirrors. */
  readonly mirrors: readonly string[];
}

/** A share of a rule's requests, or all of them. */
export interface RuleShare {
  /** Index of the backend with this share; absent: all requests. */
  readonly backend?: number;
  readonly share?: RouteShare;
  readonly requestHeaders: Route["requestHeaders"];
  readonly responseHeaders: Route["responseHeaders"];
  readonly rewrite?: Route["rewrite"] | undefined;
  readonly action: RouteAction;
  readonly mirrors: readonly string[];
  /** True: a redirect keeps the listener's port. */
  readonly keepsPort: boolean;
}

/**
 * Splits a rule into a share for each backend, in the order of the file: Envoy's weighted clusters can't rewrite a
 * path, redirect or mirror for a single backend. Undefined if no backend needs this and one route is enough.
 */
export function sharesOf(
  rule: RouteRule,
  backends: readonly RoutedBackend[],
  mirrors: readonly string[],
): readonly RuleShare[] | undefined {
  if (backends.every(({ routing }) => routing === undefined)) return undefined;
  const total = backends.reduce((sum, { backend }) => sum + backend.weight, 0);
  let below = 0;
  const shares = backends.flatMap((each, index): readonly RuleShare[] => {
    if (each.backend.weight === 0) return [];
    const from = Math.round((below * wholeShare) / total);
    below += each.backend.weight;
    const to = Math.round((below * wholeShare) / total);
    const isWhole = each.backend.weight === total;
    const share = isWhole ? {} : { backend: index, share: { from, to } };
    return [{ ...shareOf(rule, each, mirrors), ...share }];
  });
  return shares.length === 0 ? undefined : shares;
}

function shareOf(
  { requestHeaders, responseHeaders, rewrite }: RouteRule,
  { backend, routing, mirrors: own }: RoutedBackend,
  mirrors: readonly string[],
): Omit<RuleShare, "backend" | "share"> {
  const headers = { requestHeaders, responseHeaders };
  if (backend.kind === "pool" && routing?.redirect !== undefined) {
    const own = backend.filters?.responseHeaders;
    return {
      requestHeaders,
      responseHeaders: own === undefined ? responseHeaders : combineModifiers(responseHeaders, own),
      ...redirected(routing.redirect),
    };
  }
  const path = routing?.path;
  return {
    ...headers,
    ...(path === undefined ? { rewrite } : { rewrite: { ...rewrite, path } }),
    action: { kind: "forward", backends: [backend] },
    mirrors: [...mirrors, ...own],
    keepsPort: false,
  };
}

/** Resolves a redirect. Without a port, uses the scheme's default; the listener's port is added later. */
export function redirected({
  statusCode,
  ...to
}: RedirectFilter): Pick<RuleShare, "action" | "mirrors" | "keepsPort"> {
  const { scheme, hostname, port, path } = to;
  const filledIn = { scheme, hostname, port: port ?? (scheme === "https" ? 443 : 80), path };
  return {
    action: { kind: "redirect", ...defined(filledIn), statusCode },
    mirrors: [],
    keepsPort: port === undefined && scheme === undefined,
  };
}
