import { compare } from "../compare.ts";
import { conditionOf } from "../conditions.ts";
import { socketName } from "../names.ts";
import type { Report } from "../resources/report.ts";
import type { Gateway, GatewayListener, HttpRoute, Resources } from "../resources/resources.ts";
import type { RouteAttachment } from "../route-attachment.ts";
import type { Listener, ListenerRef } from "../topology.ts";
import { type Attachment, createAttacher } from "./attachments.ts";
import type { CertificateResolver } from "./certificates.ts";
import { type AddressOptions, placeGateways } from "./gateway-addresses.ts";
import { intersectHostnames } from "./hostnames.ts";
import type { Known } from "./known.ts";
import type { KnownHosts } from "./known-hosts.ts";
import { type Socket, withoutConflicts } from "./listener-conflicts.ts";
import { fullName, listenerNames } from "./listener-names.ts";
import { attachedListeners, routeAttachments } from "./route-attachments.ts";
import { onListener } from "./routes.ts";
import type { RuleResolvers } from "./rule-shares.ts";
import { ownerOf, virtualHosts } from "./virtual-hosts.ts";

export interface ListenerOptions {
  /** Ports by listener name. */
  readonly ports: ReadonlyMap<string, number>;
  readonly addresses: AddressOptions;
}

export interface ListenerResolvers extends RuleResolvers {
  readonly certificates: CertificateResolver;
  readonly known: Known;
}

export interface ResolvedListeners {
  /** Sorted by name. */
  readonly listeners: readonly Listener[];
  /** Every listener that a route names, in the order of the routes. */
  readonly attachments: readonly RouteAttachment[];
  /** The addresses of the Gateways that have one. */
  readonly addresses: ReadonlyMap<Gateway, string>;
  /** The ports of the Gateways' listeners that are served. */
  readonly ports: ReadonlyMap<GatewayListener, number>;
}

/**
 * Attaches routes to listeners. Merges the listeners of one address and port into one, with a virtual host for each hostname. With
 * TLS, creates one listener for each hostname that a client may request in its handshake.
 */
export function resolveListeners(
  resources: Resources,
  resolvers: ListenerResolvers,
  { ports, addresses }: ListenerOptions,
  report: Report,
): ResolvedListeners {
  const { known } = resolvers;
  const all = resources.gateways.flatMap((gateway) =>
    gateway.listeners.map((listener): Attachment => {
      const { hostname = "*" } = listener;
      const secrets = resolvers.certificates.resolve(gateway, listener);
      return { gateway, listener, hostname, secrets, attached: [] };
    }),
  );
  const places = addressesOf(resources.gateways, addresses, report);
  const bySocket = socketsOf(all, places, ports).map((each) => withoutConflicts(each, report));
  const attach = createAttacher(all, resources);
  const isOwn = ownershipOf(bySocket);
  const served = new Map(bySocket.flatMap(servedPorts));
  const isServed = ({ listener }: Attachment) => served.has(listener);
  const attachments: RouteAttachment[] = [];
  for (const route of resources.routes) {
    const ranked = known.routes.resolve(route, resolvers, report);
    const found = route.parents.map((parent) => ({ parent, ...attach(route, parent) }));
    attachments.push(...found.flatMap((each) => routeAttachments(route, each, isServed)));
    const attached = attachedListeners(route, found, report);
    if (route.isBroken) continue;
    for (const each of attached) {
      const routes = onListener(ranked, each.listener.port);
      each.attached.push({ hostnames: route.hostnames, routes });
    }
    if (attached.length > 0 && !attached.some((each) => isOwn(each, route))) {
      const message = `HTTPRoute "${route.name}" gets no requests: listeners with more specific hostnames take all of them`;
      report("warning", "UMB0302", route.place, message);
    }
  }
  const listeners = bySocket.flatMap((socket) => listenersOf(socket, known.hosts));
  return {
    listeners: listeners.toSorted((a, b) => compare(a.name, b.name)),
    ...{ attachments, addresses: places, ports: served },
  };
}

function servedPorts({
  port,
  attachments,
}: Socket): readonly (readonly [GatewayListener, number])[] {
  return attachments.map(({ listener }) => [listener, port]);
}

/** Finds the addresses of the Gateways; of those that get none, says why. */
function addressesOf(
  gateways: readonly Gateway[],
  options: AddressOptions,
  report: Report,
): ReadonlyMap<Gateway, string> {
  const addresses = new Map<Gateway, string>();
  for (const [gateway, place] of placeGateways(gateways, options)) {
    if (place.kind === "placed") {
      addresses.set(gateway, place.address);
      continue;
    }
    const type = place.reason === "UnsupportedAddress" ? "Accepted" : "Programmed";
    const message = `Gateway "${gateway.name}" is not served: ${place.message}`;
    report("error", "UMB0229", gateway.addresses[0]?.place ?? gateway.place, message, {
      condition: conditionOf({ kind: "Gateway", ...gateway }, type, place.reason),
    });
  }
  return addresses;
}

/** Groups the listeners that can be served by their address and port. */
function socketsOf(
  all: readonly Attachment[],
  addresses: ReadonlyMap<Gateway, string>,
  ports: ListenerOptions["ports"],
): readonly Socket[] {
  const usable = all.filter(
    ({ gateway, listener, secrets }) =>
      addresses.has(gateway) &&
      !listener.isBroken &&
      (listener.tls === undefined || secrets.length > 0),
  );
  const portOf = ({ gateway, listener }: Attachment) =>
    listenerNames(gateway, listener)
      .map((name) => ports.get(name))
      .findLast((port) => port !== undefined) ?? listener.port;
  return [...Map.groupBy(usable, portOf)].flatMap(([port, onPort]) =>
    [...Map.groupBy(onPort, ({ gateway }) => addresses.get(gateway) ?? "")].map(
      ([address, attachments]) => ({ address, port, attachments }),
    ),
  );
}

/** Returns a function that checks whether a listener gets requests for a route, or other listeners on its port take them all. */
function ownershipOf(sockets: readonly Socket[]): (at: Attachment, route: HttpRoute) => boolean {
  const onPort = new Map(
    sockets.flatMap(({ attachments }) => {
      const hostnames = new Set(attachments.map(({ hostname }) => hostname));
      return attachments.map((each) => [each, hostnames] as const);
    }),
  );
  return (at, { hostnames }) =>
    intersectHostnames(at.hostname, hostnames).some(
      (domain) => ownerOf(domain, onPort.get(at) ?? new Set([at.hostname])) === at.hostname,
    );
}

/**
 * Merges the listeners of one address and port: into one, or with TLS into one for each hostname. Each is named after what
 * it listens to: Envoy replaces a listener whose name changes, and no Gateway that comes or goes must do that to another one.
 */
function listenersOf(socket: Socket, known: KnownHosts): readonly Listener[] {
  const { address, port } = socket;
  const attachments = socket.attachments.toSorted((a, b) => compare(nameOf(a), nameOf(b)));
  const [first] = attachments;
  if (first === undefined) return [];
  const name = socketName(socket);
  const hosts = virtualHosts(name, attachments, known);
  if (first.listener.tls === undefined) {
    return [{ name, serves: attachments.map(refOf), address, port, virtualHosts: hosts }];
  }
  const byHostname = Map.groupBy(attachments, ({ hostname }) => hostname);
  return [...byHostname].map(([hostname, own]) => ({
    ...{ name: `${name}/${hostname}`, serves: own.map(refOf), address, port },
    tls: {
      ...(hostname === "*" ? {} : { serverName: hostname }),
      certificates: [...new Set(own.flatMap(({ secrets }) => secrets))],
    },
    virtualHosts: hosts.filter(
      ({ domains: [domain = "*"] }) => ownerOf(domain, byHostname) === hostname,
    ),
  }));
}

function refOf({ gateway: { namespace, name }, listener }: Attachment): ListenerRef {
  return { gateway: { namespace, name }, listener: listener.name };
}

function nameOf({ gateway, listener }: Attachment): string {
  return fullName(gateway, listener);
}
