import { isIP } from "node:net";
import { defined } from "@umbra/shadow/defined";
import { unusableAddress } from "../endpoint-address.ts";
import { readAppProtocol } from "./app-protocol.ts";
import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type {
  Deployment,
  EndpointSlice,
  Pod,
  ReferenceGrant,
  Service,
  ServicePort,
} from "./resources.ts";

export function readService(meta: Meta, spec: Reader): Service {
  const ports = soundOnes(spec.maps("ports"), (each): ServicePort | undefined => {
    const port = each.integer("port", 1, 65_535);
    // Requests use TCP; a Service may have the same port number for UDP as well.
    if (port === undefined || !isTcp(each)) return undefined;
    const name = each.string("name") ?? "";
    const place = each.place();
    return { name, port, ...targetPortOf(each), ...readAppProtocol(each), place };
  });
  const isHeadless = spec.scalarText("clusterIP") === "None";
  const isExternalName = spec.string("type") === "ExternalName";
  const ipVersion = spec.strings("ipFamilies")[0] === "IPv6" ? 6 : 4;
  const selector = spec.texts("selector");
  return { ...meta, selector, ports, isHeadless, isExternalName, ipVersion };
}

/** Reads maps of which Umbra knows only some fields, and skips those with an error. */
function soundOnes<T extends object>(
  maps: readonly Reader[],
  read: (from: Reader) => T | undefined,
): readonly T[] {
  return maps.flatMap((each) => {
    const { value, isBroken } = each.part(() => read(each));
    return isBroken ? [] : (value ?? []);
  });
}

function isTcp(port: Reader): boolean {
  return (port.string("protocol") ?? "TCP") === "TCP";
}

/** A number, or the name of a container port, whose number may differ between Pods. */
function targetPortOf(port: Reader): Pick<ServicePort, "targetPort"> {
  const text = port.scalarText("targetPort");
  if (text === undefined || text === "") return {};
  const number = Number(text);
  if (!Number.isInteger(number)) return { targetPort: text };
  if (number >= 1 && number <= 65_535) return { targetPort: number };
  const message = "`targetPort` must be a whole number from 1 to 65535, or the name of a port";
  // The API server treats 0 as the Service's own port.
  if (number !== 0) port.wrong(message, "targetPort");
  return {};
}

export function readPod(meta: Meta, spec: Reader, root: Reader): Pod {
  const status = root.map("status");
  const ready = status?.maps("conditions").find((each) => each.string("type") === "Ready");
  const ip = status && ipOf(status, "podIP", status.string("podIP") || undefined);
  const phase = status?.string("phase");
  const isEnding = root.map("metadata")?.has("deletionTimestamp") === true;
  const isOver = phase === "Succeeded" || phase === "Failed";
  const isServing = ready?.string("status") === "True" && !isOver;
  return {
    ...{ ...meta, ip, isReady: isServing && !isEnding, isDraining: isServing && isEnding },
    ports: containerPorts(spec),
  };
}

/** Container ports by name. Includes init containers, because sidecars are among them. The first of two ports with the same name wins. */
function containerPorts(spec: Reader): ReadonlyMap<string, number> {
  const ports = new Map<string, number>();
  for (const container of ["containers", "initContainers"].flatMap((key) => spec.maps(key))) {
    for (const each of container.maps("ports")) {
      const name = each.string("name");
      const number = each.integer("containerPort", 1, 65_535);
      if (!isTcp(each)) continue;
      if (name !== undefined && number !== undefined && !ports.has(name)) ports.set(name, number);
    }
  }
  return ports;
}

export function readEndpointSlice(meta: Meta, _spec: Reader, root: Reader): EndpointSlice {
  const endpoints = soundOnes(root.maps("endpoints"), (endpoint) => {
    const conditions = endpoint.map("conditions");
    const isEnding = conditions?.boolean("terminating") === true;
    // Unknown conditions count as ready and serving.
    const ready = conditions?.boolean("ready");
    const serving = conditions?.boolean("serving") ?? ready ?? true;
    const isReady = (ready ?? true) && !isEnding;
    // A terminating endpoint that still serves is better than none.
    if (!isReady && !(isEnding && serving)) return undefined;
    // All addresses belong to the same endpoint: the first one is enough.
    const address = ipOf(endpoint, "addresses", endpoint.strings("addresses")[0]);
    const pod = endpoint.map("targetRef")?.string("name");
    return address === undefined ? undefined : { address, isReady, ...defined({ pod }) };
  });
  const ports = soundOnes(root.maps("ports"), (each) => {
    const port = each.integer("port", 1, 65_535);
    return port === undefined ? undefined : { name: each.string("name") ?? "", port };
  });
  return { ...meta, endpoints, ports };
}

function ipOf(from: Reader, key: string, ip: string | undefined): string | undefined {
  if (ip === undefined) return undefined;
  const isAddress = isIP(ip) > 0;
  const why = isAddress ? unusableAddress(ip, 0) : undefined;
  if (isAddress && why === undefined) return ip;
  from.wrong(
    `\`${key}\` must be an IP address of a model server: ${why ?? `"${ip.slice(0, 64)}" is not an IP address`}`,
    key,
  );
  return undefined;
}

/** The group of core resources is `""`, but it must be given. */
export function readReferenceGrant(meta: Meta, spec: Reader): ReferenceGrant {
  const kindOf = (each: Reader) => {
    each.needs("group");
    return { group: each.string("group") ?? "", kind: each.required("kind") ?? "" };
  };
  return {
    ...meta,
    from: spec.soundParts("from", (each) => ({
      ...kindOf(each),
      namespace: each.required("namespace") ?? "",
    })),
    to: spec.soundParts("to", (each) => ({ ...kindOf(each), name: each.string("name") })),
  };
}

/** Undefined if no container looks like vLLM. */
export function readDeployment(meta: Meta, spec: Reader): Deployment | undefined {
  const template = spec.map("template");
  for (const container of template?.map("spec")?.maps("containers") ?? []) {
    const args = argumentsOf(container);
    if (!args.some((arg) => vllmArgument.test(arg))) continue;
    const replicas = spec.integer("replicas", 0, 10_000) ?? 1;
    const podLabels = template?.map("metadata")?.texts("labels") ?? {};
    return { ...meta, replicas, podLabels, args };
  }
  return undefined;
}

const vllmArgument = /^--model(?:=|$)|vllm/;

/** Joins command and arguments as Kubernetes does. */
export function argumentsOf(container: Reader): readonly string[] {
  return ["command", "args"].flatMap((key) => container.strings(key, { isText: true }));
}
