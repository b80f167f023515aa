import { isIP } from "node:net";
import { conditionOf } from "../conditions.ts";
import type { ResourceName } from "../diagnostic.ts";
import { didYouMean } from "../nearest.ts";
import { readHostname } from "./hostname.ts";
import { readLabelSelector } from "./label-selector.ts";
import type { Meta } from "./meta.ts";
import { resourceName } from "./names.ts";
import { readObjectRef } from "./object-ref.ts";
import type { Reader } from "./reader.ts";
import type {
  Gateway,
  GatewayAddress,
  GatewayClass,
  GatewayListener,
  ListenerTls,
  RouteNamespaces,
} from "./resources.ts";

export function readGateway(meta: Meta, spec: Reader, status: Reader | undefined): Gateway {
  const owner = { kind: "Gateway", namespace: meta.namespace, name: meta.name };
  const names = new Set<string>();
  const otherListeners: string[] = [];
  const read = spec.parts("listeners", (each) => {
    const listener = readListener(each, owner);
    if (listener === undefined) {
      otherListeners.push(...[each.string("name") ?? []].flat());
      return undefined;
    }
    if (names.has(listener.name)) {
      each.wrong("another listener of the Gateway has this name", "name");
    }
    names.add(listener.name);
    return listener;
  });
  const listeners = read.flatMap(({ value, isBroken }) =>
    value === undefined ? [] : isBroken ? { ...value, isBroken } : value,
  );
  spec.inner("tls", (tls) => {
    if (tls.has("frontend")) clientCertificates(tls, "frontend");
    if (tls.has("backend")) {
      const message =
        "`backend` is not supported: the gateway sends no client certificate to endpoints";
      tls.unsupported(message, "backend");
    }
  });
  const className = spec.string("gatewayClassName") ?? "";
  spec.ignore("infrastructure", "allowedListeners");
  const addresses = spec.each("addresses", readAddress);
  return {
    ...meta,
    className,
    addresses,
    heldAddresses: heldAddresses(status),
    listeners,
    otherListeners,
  };
}

export function readGatewayClass(meta: Meta, spec: Reader): GatewayClass | undefined {
  const controllerName = spec.required("controllerName");
  return controllerName === undefined ? undefined : { ...meta, controllerName };
}

function heldAddresses(status: Reader | undefined): readonly string[] {
  const texts = status?.maps("addresses").map((each) => each.string("value") ?? "") ?? [];
  return texts.filter((text) => isIP(text) > 0);
}

function readAddress(from: Reader): GatewayAddress {
  const value = from.string("value");
  return {
    type: from.string("type") ?? "IPAddress",
    ...(value === undefined || value === "" ? {} : { value }),
    place: from.place(),
  };
}

function readListener(listener: Reader, owner: ResourceName): GatewayListener | undefined {
  const name = resourceName(listener, "name");
  const port = listener.integer("port", 1, 65_535);
  listener.needs("port");
  const protocol = listener.string("protocol") ?? "HTTP";
  const hostname = readHostname(listener, "hostname");
  const allowed = listener.inner("allowedRoutes", (routes) => ({
    namespaces: routes.inner("namespaces", readNamespaces) ?? ownHttpRoutes.namespaces,
    takesHttpRoutes: readKinds(routes, owner, name ?? ""),
  }));
  const tls = listener.map("tls");
  if (name === undefined || port === undefined) return undefined;
  const read = { name, port, hostname, ...(allowed ?? ownHttpRoutes), place: listener.place() };
  if (protocol === "HTTP") {
    if (tls !== undefined) {
      const message = "a listener with protocol HTTP can't have `tls`";
      listener.wrong(message, "tls", "set the protocol to HTTPS, or remove `tls`");
    }
    return read;
  }
  if (protocol === "HTTPS") {
    listener.needs("tls", ": HTTPS needs a certificate");
    return { ...read, tls: tls?.whole(readTls) ?? { certificates: [] } };
  }
  const message = `a listener with protocol ${protocol.slice(0, 32)} is not supported and is ignored`;
  listener.unsupported(message, "protocol", {
    ...(protocol === "TLS" ? {} : didYouMean(protocol, ["HTTP", "HTTPS"])),
    condition: { ...conditionOf(owner, "Accepted", "UnsupportedProtocol"), listener: name },
  });
  return undefined;
}

const ownHttpRoutes = { namespaces: { from: "Same" }, takesHttpRoutes: true } as const;

function readNamespaces(from: Reader): RouteNamespaces {
  const which = from.oneOf("from", ["All", "Same", "Selector", "None"]) ?? "Same";
  if (which !== "Selector") {
    from.ignore("selector");
    return { from: which };
  }
  const selector = from.inner("selector", readLabelSelector);
  from.needs("selector");
  return { from: which, selector: selector ?? neverMet };
}

const neverMet = [{ key: "", operator: "In", values: [] }] as const;

/** True if no kinds are listed, or HTTPRoute is among them. */
function readKinds(allowed: Reader, owner: ResourceName, listener: string): boolean {
  const kinds = allowed.maps("kinds");
  const taken = kinds.map((each) => each.whole(() => isHttpRoute(each, owner, listener)));
  return kinds.length === 0 || taken.includes(true);
}

function isHttpRoute(from: Reader, owner: ResourceName, listener: string): boolean {
  const group = from.string("group") ?? "gateway.networking.k8s.io";
  const kind = from.required("kind");
  if (kind === undefined) return false;
  if (kind === "HTTPRoute" && group === "gateway.networking.k8s.io") return true;
  const message = `routes of kind ${kind.slice(0, 64)} are not supported by this listener`;
  from.report("warning", "UMB0225", message, "kind", {
    condition: { ...conditionOf(owner, "ResolvedRefs", "InvalidRouteKinds"), listener },
  });
  return false;
}

function readTls(tls: Reader): ListenerTls {
  if (tls.oneOf("mode", ["Terminate", "Passthrough"]) === "Passthrough") {
    const message = "`Passthrough` is not allowed for HTTPS, and TLSRoutes are not supported";
    tls.wrong(message, "mode", "use Terminate with `certificateRefs`");
  }
  const certificates = tls.each("certificateRefs", (each) => {
    const ref = readObjectRef(each, each.string("kind") ?? "Secret");
    const namespace = each.string("namespace");
    return ref && { ...ref, namespace };
  });
  tls.needs("certificateRefs");
  if (tls.has("options")) {
    tls.unsupported("`options` are not supported and are ignored", "options");
  }
  if (tls.has("frontendValidation")) clientCertificates(tls, "frontendValidation");
  return { certificates };
}

/** An error, because serving without it would admit clients without a certificate. */
function clientCertificates(tls: Reader, key: string): void {
  const message = `\`${key}\` is not supported: Envoy would not request client certificates`;
  const remedy = "verify client certificates in a proxy in front of Envoy, or remove the field";
  tls.report("error", "UMB0208", message, key, { remedy });
}
