import { listenerNotAccepted, listenerRefsNotResolved } from "../conditions.ts";
import type { ResourceName } from "../diagnostic.ts";
import { nearest } from "../nearest.ts";
import { readHostname } from "./hostname.ts";
import { readLabelSelector } from "./label-selector.ts";
import type { Meta } from "./meta.ts";
import { resourceName } from "./names.ts";
import type { Reader } from "./reader.ts";
import type { Gateway, GatewayListener, ListenerTls, RouteNamespaces } from "./resources.ts";

export function readGateway(meta: Meta, spec: Reader): Gateway {
  const owner = { kind: "Gateway", namespace: meta.namespace, name: meta.name };
  const names = new Set<string>();
  const listeners = spec.maps("listeners").flatMap((each) => {
    const listener = readListener(each, owner);
    if (listener === undefined) return [];
    if (names.has(listener.name)) {
      each.report("error", "UMB0104", "another listener of the Gateway has this name", "name");
    }
    names.add(listener.name);
    return [listener];
  });
  const tls = spec.map("tls");
  if (tls?.has("frontend")) clientCertificates(tls, "frontend");
  if (tls?.has("backend")) {
    const message = "`backend` is not supported: endpoints see no certificate of the gateway";
    tls.report("warning", "UMB0208", message, "backend");
  }
  tls?.warnUnknown();
  const className = spec.string("gatewayClassName") ?? "";
  spec.warnUnknown("infrastructure", "addresses", "allowedListeners");
  return { ...meta, className, listeners };
}

function readListener(listener: Reader, owner: ResourceName): GatewayListener | undefined {
  const name = resourceName(listener, "name");
  const port = listener.integer("port", 1, 65_535);
  if (!listener.has("port")) listener.report("error", "UMB0103", "`port` is missing");
  const protocol = listener.string("protocol") ?? "HTTP";
  const hostname = readHostname(listener, "hostname");
  const allowed = listener.map("allowedRoutes");
  const namespaces = readNamespaces(allowed?.map("namespaces"));
  const takesHttpRoutes = readKinds(allowed, owner, name ?? "");
  allowed?.warnUnknown();
  const tls = listener.map("tls");
  const place = listener.place();
  listener.warnUnknown();
  if (name === undefined || port === undefined) return undefined;
  const read = { name, port, hostname, namespaces, takesHttpRoutes, place };
  if (protocol === "HTTP") {
    if (tls !== undefined) {
      const message = "a listener of protocol HTTP has no `tls`";
      listener.report("error", "UMB0104", message, "tls", {
        remedy: "make its protocol HTTPS, or remove `tls`",
      });
    }
    return read;
  }
  if (protocol === "HTTPS") return { ...read, tls: readTls(listener, tls) };
  const message = `a listener of protocol ${protocol.slice(0, 32)} is not supported: it is left out`;
  const near = nearest(protocol, ["HTTP", "HTTPS"]);
  listener.report("warning", "UMB0208", message, "protocol", {
    ...(near === undefined || protocol === "TLS" ? {} : { remedy: `did you mean ${near}?` }),
    condition: listenerNotAccepted(owner, name, "UnsupportedProtocol"),
  });
  return undefined;
}

function readNamespaces(from: Reader | undefined): RouteNamespaces {
  const which = from?.oneOf("from", ["All", "Same", "Selector", "None"]) ?? "Same";
  const selector = from?.map("selector");
  if (which === "Selector" && selector === undefined && !from?.has("selector"))
    from?.report("error", "UMB0103", "`selector` is missing");
  from?.warnUnknown();
  if (which !== "Selector") return { from: which };
  return {
    from: which,
    selector: selector === undefined ? neverMet : readLabelSelector(selector),
  };
}

const neverMet = [{ key: "", operator: "In", values: [] }] as const;

/** True where no kinds are named, or HTTPRoute is among them. */
function readKinds(allowed: Reader | undefined, owner: ResourceName, listener: string): boolean {
  const kinds = allowed?.maps("kinds") ?? [];
  let takesHttpRoutes = kinds.length === 0;
  for (const each of kinds) {
    const group = each.string("group") ?? "gateway.networking.k8s.io";
    const kind = each.required("kind");
    each.warnUnknown();
    if (kind === undefined) continue;
    if (kind === "HTTPRoute" && group === "gateway.networking.k8s.io") takesHttpRoutes = true;
    else {
      const message = `routes of kind ${kind.slice(0, 64)} are not supported: the listener takes none`;
      each.report("warning", "UMB0225", message, "kind", {
        condition: listenerRefsNotResolved(owner, listener, "InvalidRouteKinds"),
      });
    }
  }
  return takesHttpRoutes;
}

function readTls(listener: Reader, tls: Reader | undefined): ListenerTls {
  if (tls === undefined) {
    listener.report("error", "UMB0103", "`tls` is missing: HTTPS needs a certificate");
    return { certificates: [] };
  }
  if (tls.oneOf("mode", ["Terminate", "Passthrough"]) === "Passthrough") {
    const message = "`Passthrough` is not for HTTPS, and TLSRoutes are not supported";
    tls.report("error", "UMB0104", message, "mode", {
      remedy: "make it Terminate, with `certificateRefs`",
    });
  }
  const certificates = tls.maps("certificateRefs").flatMap((ref) => {
    const name = ref.required("name");
    const read = {
      group: ref.string("group") ?? "",
      kind: ref.string("kind") ?? "Secret",
      namespace: ref.string("namespace"),
      place: ref.place("name"),
    };
    ref.warnUnknown();
    return name === undefined ? [] : [{ name, ...read }];
  });
  if (certificates.length === 0 && !tls.has("certificateRefs")) {
    tls.report("error", "UMB0103", "`certificateRefs` is missing");
  }
  if (tls.has("options")) {
    tls.report("warning", "UMB0208", "`options` are not supported: they are left out", "options");
  }
  if (tls.has("frontendValidation")) clientCertificates(tls, "frontendValidation");
  tls.warnUnknown();
  return { certificates };
}

/** An error: a listener that lets everyone in is not what was asked for. */
function clientCertificates(tls: Reader, key: string): void {
  const message = `\`${key}\` is not supported: clients' certificates are not asked for`;
  tls.report("error", "UMB0208", message, key, {
    remedy: "have a proxy before Envoy check clients' certificates, or remove the field",
  });
}
