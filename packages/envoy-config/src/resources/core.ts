import type { Reader } from "./reader.ts";
import type {
  Deployment,
  EndpointSlice,
  Gateway,
  Meta,
  Pod,
  ReferenceGrant,
  Service,
} from "./resources.ts";

export function readGateway(meta: Meta, spec: Reader): Gateway {
  const listeners = spec.maps("listeners").flatMap((listener) => {
    const name = listener.required("name");
    const port = listener.integer("port", 1, 65_535);
    const protocol = listener.string("protocol") ?? "HTTP";
    const from = listener
      .map("allowedRoutes")
      ?.map("namespaces")
      ?.oneOf("from", ["All", "Same", "Selector", "None"]);
    if (!listener.has("port")) listener.report("error", "UMB0103", "`port` is missing");
    const hostname = listener.string("hostname")?.toLowerCase();
    const place = listener.place();
    listener.warnUnknown("tls");
    if (protocol !== "HTTP") {
      listener.report(
        "warning",
        "UMB0208",
        `a listener of protocol ${protocol.slice(0, 32)} is not supported: it is left out`,
        "protocol",
      );
      return [];
    }
    return name === undefined || port === undefined
      ? []
      : [{ name, port, hostname, from: from ?? ("Same" as const), place }];
  });
  spec.warnUnknown("gatewayClassName", "infrastructure", "addresses");
  return { ...meta, listeners };
}

export function readService(meta: Meta, spec: Reader): Service {
  const ports = spec.maps("ports").flatMap((each) => {
    const port = each.integer("port", 1, 65_535);
    const targetPort = targetPortOf(each);
    const isH2c = each.string("appProtocol") === "kubernetes.io/h2c";
    const name = each.string("name") ?? "";
    return port === undefined
      ? []
      : [{ name, port, targetPort, protocol: isH2c ? ("h2c" as const) : ("http1" as const) }];
  });
  return { ...meta, selector: spec.texts("selector"), ports };
}

function targetPortOf(port: Reader): number | undefined {
  // It may be a name, which only an EndpointSlice resolves.
  const number = Number(port.scalarText("targetPort"));
  return Number.isInteger(number) && number > 0 && number < 65_536 ? number : undefined;
}

export function readPod(meta: Meta, _spec: Reader, status: Reader | undefined): Pod {
  const ready = status?.maps("conditions").find((each) => each.string("type") === "Ready");
  return { ...meta, ip: status?.string("podIP"), isReady: ready?.string("status") === "True" };
}

export function readEndpointSlice(meta: Meta, root: Reader): EndpointSlice {
  const addresses = root.maps("endpoints").flatMap((endpoint) => {
    // An endpoint whose readiness is not told counts as ready.
    const isReady = endpoint.map("conditions")?.boolean("ready") ?? true;
    return isReady ? endpoint.strings("addresses").slice(0, 1) : [];
  });
  const ports = root.maps("ports").flatMap((each) => {
    const port = each.integer("port", 1, 65_535);
    return port === undefined ? [] : [{ name: each.string("name") ?? "", port }];
  });
  return { ...meta, addresses, ports };
}

export function readReferenceGrant(meta: Meta, spec: Reader): ReferenceGrant {
  return {
    ...meta,
    from: spec.maps("from").map((each) => ({
      kind: each.string("kind") ?? "",
      namespace: each.string("namespace") ?? "",
    })),
    to: spec
      .maps("to")
      .map((each) => ({ kind: each.string("kind") ?? "", name: each.string("name") })),
  };
}

/** Undefined when no container looks like vLLM. */
export function readDeployment(meta: Meta, spec: Reader): Deployment | undefined {
  const template = spec.map("template");
  for (const container of template?.map("spec")?.maps("containers") ?? []) {
    const args = ["command", "args"].flatMap((key) => container.strings(key, { isText: true }));
    if (
      !args.some((arg) => arg === "--model" || arg.startsWith("--model=") || arg.includes("vllm"))
    )
      continue;
    return {
      ...meta,
      replicas: spec.integer("replicas", 0, 10_000) ?? 1,
      podLabels: template?.map("metadata")?.texts("labels") ?? {},
      args,
    };
  }
  return undefined;
}
