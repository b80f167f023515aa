import { compare } from "../compare.ts";
import type { Report } from "../resources/report.ts";
import type { HttpRoute, Resources } from "../resources/resources.ts";
import type { RouteAttachment } from "../route-attachment.ts";
import type { Listener } from "../topology.ts";
import { type Attachment, createAttacher } from "./attachments.ts";
import type { CertificateResolver } from "./certificates.ts";
import { intersectHostnames } from "./hostnames.ts";
import { withoutConflicts } from "./listener-conflicts.ts";
import { fullName, listenerNames } from "./listener-names.ts";
import { attachedListeners, routeAttachments } from "./route-attachments.ts";
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

export interface ResolvedListeners {
  /** Sorted by name. */
  readonly listeners: readonly Listener[];
  /** Every listener that a route names, in the order of the routes. */
  readonly attachments: readonly RouteAttachment[];
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
): ResolvedListeners {
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
  const served = new Set([...byPort.values()].flat());
  const isServed = (at: Attachment) => served.has(at);
  const attachments: RouteAttachment[] = [];
  for (const route of resources.routes) {
    const ranked = resolveRoutes(route, resolvers, report);
    const found = route.parents.map((parent) => ({ parent, ...attach(route, parent) }));
    attachments.push(...found.flatMap((each) => routeAttachments(route, each, isServed)));
    const attached = attachedListeners(route, found, report);
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
  const listeners = [...byPort].flatMap(([port, own]) =>
    listenersOf(own).map((each) => ({
      ...{ name: each.name, address: bindAddress, port },
      ...each,
    })),
  );
  return { listeners: listeners.toSorted((a, b) => compare(a.name, b.name)), attachments };
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
  inFiles: readonly Attachment[],
): readonly Pick<Listener, "name" | "tls" | "virtualHosts">[] {
  // Merged listeners have the first name, which does not depend on the order of the files.
  const attachments = inFiles.toSorted((a, b) => compare(nameOf(a), nameOf(b)));
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

function nameOf({ gateway, listener }: Attachment): string {
  return fullName(gateway, listener);
}
