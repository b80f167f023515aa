import { compare } from "../compare.ts";
import { conditionOf } from "../conditions.ts";
import type { Report } from "../resources/report.ts";
import type { HttpRoute, ParentRef, Resources } from "../resources/resources.ts";
import type { Listener } from "../topology.ts";
import { type Attachment, createAttacher, type Refusal } from "./attachments.ts";
import type { CertificateResolver } from "./certificates.ts";
import { intersectHostnames } from "./hostnames.ts";
import { withoutConflicts } from "./listener-conflicts.ts";
import { listenerNames, shortestNames } from "./listener-names.ts";
import { onListener, resolveRoutes } from "./routes.ts";
import type { RuleResolvers } from "./rule-shares.ts";
import { ownerOf, virtualHosts } from "./virtual-hosts.ts";

export interface ListenerOptions {
  /** Ports by listener name. */
  readonly ports: ReadonlyMap<string, number>;
  readonly bindAddress: string;
}

export interface ListenerResolvers extends RuleResolvers {
  readonly certificates: CertificateResolver;
}

type ByPort = ReadonlyMap<number, readonly Attachment[]>;

/**
 * Attaches routes to listeners. Merges the listeners of one port into one, with a virtual host for each hostname. With
 * TLS, creates one listener for each hostname that a client may request in its handshake.
 */
export function resolveListeners(
  resources: Resources,
  resolvers: ListenerResolvers,
  { ports, bindAddress }: ListenerOptions,
  report: Report,
): readonly Listener[] {
  const all = resources.gateways.flatMap((gateway) =>
    gateway.listeners.map((listener): Attachment => {
      const { hostname = "*" } = listener;
      const secrets = resolvers.certificates.resolve(gateway, listener);
      return { gateway, listener, hostname, secrets, attached: [] };
    }),
  );
  const written: ByPort = Map.groupBy(
    all.filter(
      ({ listener, secrets }) =>
        !listener.isBroken && (listener.tls === undefined || secrets.length > 0),
    ),
    ({ gateway, listener }) =>
      listenerNames(gateway, listener)
        .map((name) => ports.get(name))
        .findLast((port) => port !== undefined) ?? listener.port,
  );
  const byPort = withoutConflicts(written, report);
  const attach = createAttacher(all, resources);
  const isOwn = ownershipOf(byPort);
  for (const route of resources.routes) {
    const ranked = resolveRoutes(route, resolvers, report);
    const attached = attachRoute(route, attach, report);
    if (route.isBroken) continue;
    for (const each of attached) {
      const routes = ranked.map((one) => onListener(one, each.listener.port));
      each.attached.push({ hostnames: route.hostnames, routes });
    }
    if (attached.length > 0 && !attached.some((each) => isOwn(each, route))) {
      const message = `HTTPRoute "${route.name}" gets no requests: listeners with more specific hostnames take all of them`;
      report("warning", "UMB0302", route.place, message);
    }
  }
  const nameOf = shortestNames(all);
  return [...byPort]
    .flatMap(([port, attachments]) =>
      listenersOf(attachments, nameOf).map((each) => ({
        ...{ name: each.name, address: bindAddress, port },
        ...each,
      })),
    )
    .toSorted((a, b) => compare(a.name, b.name));
}

/** Returns a function that checks whether a listener gets requests for a route, or other listeners on its port take them all. */
function ownershipOf(byPort: ByPort): (at: Attachment, route: HttpRoute) => boolean {
  const onPort = new Map(
    [...byPort.values()].flatMap((attachments) => {
      const hostnames = new Set(attachments.map(({ hostname }) => hostname));
      return attachments.map((each) => [each, hostnames] as const);
    }),
  );
  return (at, { hostnames }) =>
    intersectHostnames(at.hostname, hostnames).some(
      (domain) => ownerOf(domain, onPort.get(at) ?? new Set([at.hostname])) === at.hostname,
    );
}

/** Merges the listeners of one port: into one, or with TLS into one for each hostname. */
function listenersOf(
  attachments: readonly Attachment[],
  nameOf: (attachment: Attachment) => string,
): readonly Pick<Listener, "name" | "tls" | "virtualHosts">[] {
  const [first] = attachments;
  if (first === undefined) return [];
  const name = nameOf(first);
  const hosts = virtualHosts(name, attachments);
  if (first.listener.tls === undefined) return [{ name, virtualHosts: hosts }];
  const byHostname = Map.groupBy(attachments, ({ hostname }) => hostname);
  return [...byHostname].map(([hostname, [named = first, ...others]]) => ({
    name: nameOf(named),
    tls: {
      ...(hostname === "*" ? {} : { serverName: hostname }),
      certificates: [...new Set([named, ...others].flatMap(({ secrets }) => secrets))],
    },
    virtualHosts: hosts.filter(
      ({ domains: [domain = "*"] }) => ownerOf(domain, byHostname) === hostname,
    ),
  }));
}

/** Returns the listeners of a route, each once. Reports parentRefs that attach it to none. */
function attachRoute(
  route: HttpRoute,
  attach: (route: HttpRoute, parent: ParentRef) => readonly Attachment[] | Refusal,
  report: Report,
): readonly Attachment[] {
  const found = new Set<Attachment>();
  const refusals: (Refusal & Pick<ParentRef, "place">)[] = [];
  for (const parent of route.parents) {
    const attached = attach(route, parent);
    if ("reason" in attached) refusals.push({ ...attached, place: parent.place });
    else for (const each of attached) found.add(each);
  }
  const isReached = found.size > 0;
  const shown = `HTTPRoute "${route.name}" ${isReached ? "is not attached here" : "gets no requests"}`;
  const resource = { kind: "HTTPRoute", ...route };
  for (const { place, reason, message, ...remedy } of refusals) {
    // If another Gateway accepts the route, a Gateway outside the files is no reason for a warning.
    const isElsewhere = isReached && reason === "NoMatchingParent";
    report(isElsewhere ? "info" : "warning", "UMB0202", place, `${shown}: ${message}`, {
      ...remedy,
      condition: conditionOf(resource, "Accepted", reason),
    });
  }
  if (route.parents.length === 0) {
    report("warning", "UMB0202", route.place, `${shown}: it has no parentRefs to a Gateway`, {
      condition: conditionOf(resource, "Accepted", "NoMatchingParent"),
    });
  }
  return [...found];
}
