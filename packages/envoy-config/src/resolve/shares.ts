import { defined } from "@umbra/shadow/defined";
import { inTurn } from "../header-modifier.ts";
import type { BackendRouting, RedirectFilter, RouteRule } from "../resources/resources.ts";
import { wholeShare } from "../share-draw.ts";
import type { Backend, Route, RouteAction, RouteShare } from "../topology.ts";

/** A backend with what a route has to do for it alone. */
export interface RoutedBackend {
  readonly backend: Backend;
  readonly routing: BackendRouting | undefined;
  /** Names of its own. */
  readonly mirrors: readonly string[];
}

/** What a rule does with a share of its requests, or with all of them. */
export interface RuleShare {
  /** Index of the backend that has the share; absent: the share is the whole. */
  readonly backend?: number;
  readonly share?: RouteShare;
  readonly requestHeaders: Route["requestHeaders"];
  readonly responseHeaders: Route["responseHeaders"];
  readonly rewrite?: Route["rewrite"] | undefined;
  readonly action: RouteAction;
  readonly mirrors: readonly string[];
  /** A redirect goes to the port of the listener that it came in by. */
  readonly keepsPort: boolean;
}

/**
 * The rule as a share for each backend, in the order of the file: Envoy's weighted clusters can neither rewrite a path
 * nor redirect nor mirror for one of them. Undefined where no backend asks for it, and one route does.
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
      responseHeaders: own === undefined ? responseHeaders : inTurn(responseHeaders, own),
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

/** What a route that redirects does. Without a port it goes to the scheme's; the listener's comes in later. */
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
