import { parse } from "yaml";
import type { RefRequest } from "./reference-matcher.ts";

/** Finds the route of a rendered bootstrap that Envoy uses, following its API documentation. Knows only rendered features. */

interface StringMatch {
  readonly exact?: string;
  readonly safe_regex?: { readonly regex: string };
}

interface ValueMatch {
  readonly name: string;
  readonly string_match: StringMatch;
}

interface RouteMatch {
  readonly path?: string;
  readonly prefix?: string;
  readonly path_separated_prefix?: string;
  readonly safe_regex?: { readonly regex: string };
  readonly headers?: readonly ValueMatch[];
  readonly query_parameters?: readonly ValueMatch[];
  readonly runtime_fraction?: {
    readonly default_value: { readonly numerator: number; readonly denominator: "MILLION" };
  };
}

export interface EnvoyVirtualHost {
  readonly domains: readonly string[];
  readonly routes: readonly { readonly name: string; readonly match: RouteMatch }[];
}

interface EnvoyListener {
  readonly address?: { readonly socket_address: { readonly port_value: number } };
  readonly filter_chains: readonly [
    {
      readonly filters: readonly [
        {
          readonly typed_config: {
            readonly route_config: { readonly virtual_hosts: readonly EnvoyVirtualHost[] };
          };
        },
      ];
    },
  ];
}

/** Returns the virtual hosts of a rendered bootstrap by the listener's port. */
export function virtualHostsOf(
  bootstrap: string,
): ReadonlyMap<number, readonly EnvoyVirtualHost[]> {
  const { static_resources } = parse(bootstrap) as {
    readonly static_resources: { readonly listeners: readonly EnvoyListener[] };
  };
  return new Map(
    static_resources.listeners.flatMap(({ address, filter_chains: [chain] }) =>
      address === undefined
        ? []
        : [
            [
              address.socket_address.port_value,
              chain.filters[0].typed_config.route_config.virtual_hosts,
            ] as const,
          ],
    ),
  );
}

/** Returns the name of the route that answers; undefined if Envoy answers 404. */
export function chosenRoute(
  hosts: readonly EnvoyVirtualHost[],
  request: RefRequest,
): string | undefined {
  return virtualHostFor(hosts, request.host)?.routes.find(({ match }) => isMatch(match, request))
    ?.name;
}

/** Returns the virtual host with the exact domain, else the longest wildcard, else `*`. Envoy never tries another one. */
function virtualHostFor(
  hosts: readonly EnvoyVirtualHost[],
  header: string,
): EnvoyVirtualHost | undefined {
  const host = header.replace(/:\d+$/, "").toLowerCase();
  const wildcards = [...host.matchAll(/\./g)].map(({ index }) => `*${host.slice(index)}`);
  return [host, ...wildcards.filter((each) => each.length <= host.length), "*"]
    .map((domain) => hosts.find(({ domains }) => domains.includes(domain)))
    .find((found) => found !== undefined);
}

function isMatch(
  {
    path,
    prefix,
    path_separated_prefix,
    safe_regex,
    headers = [],
    query_parameters = [],
    runtime_fraction,
  }: RouteMatch,
  request: RefRequest,
): boolean {
  const isPath =
    path !== undefined
      ? request.path === path
      : safe_regex !== undefined
        ? isFullMatch(safe_regex.regex, request.path)
        : path_separated_prefix !== undefined
          ? request.path === path_separated_prefix ||
            request.path.startsWith(`${path_separated_prefix}/`)
          : request.path.startsWith(prefix ?? "");
  const headerOf = (name: string) => (name === ":method" ? request.method : request.headers[name]);
  const queryOf = (name: string) => request.query.find(([each]) => each === name)?.[1];
  // One random number for all routes of a request.
  const isDrawn =
    runtime_fraction === undefined || request.draw < runtime_fraction.default_value.numerator;
  return (
    isPath &&
    isDrawn &&
    headers.every(({ name, string_match }) => isString(string_match, headerOf(name))) &&
    query_parameters.every(({ name, string_match }) => isString(string_match, queryOf(name)))
  );
}

function isString({ exact, safe_regex }: StringMatch, value: string | undefined): boolean {
  if (value === undefined) return false;
  return safe_regex === undefined ? value === exact : isFullMatch(safe_regex.regex, value);
}

function isFullMatch(regex: string, value: string): boolean {
  return new RegExp(`^(?:${regex})$`).test(value);
}
