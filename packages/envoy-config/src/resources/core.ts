import { isIP } from "node:net";
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
  const ports = spec.maps("ports").flatMap((each): readonly ServicePort[] => {
    const port = each.integer("port", 1, 65_535);
    const transport = each.string("protocol") ?? "TCP";
    // Requests come over TCP; a Service may have the same number once more for UDP.
    if (port === undefined || transport !== "TCP") return [];
    return [
      {
        name: each.string("name") ?? "",
        port,
        ...targetPortOf(each),
        ...readAppProtocol(each),
        place: each.place(),
      },
    ];
  });
  const isHeadless = spec.scalarText("clusterIP") === "None";
  return { ...meta, selector: spec.texts("selector"), ports, isHeadless };
}

/** A number, or the name of a container's port, which each Pod may give another number. */
function targetPortOf(port: Reader): Pick<ServicePort, "targetPort"> {
  const text = port.scalarText("targetPort");
  if (text === undefined || text === "") return {};
  const number = Number(text);
  if (!Number.isInteger(number)) return { targetPort: text };
  if (number >= 1 && number <= 65_535) return { targetPort: number };
  const message = "`targetPort` must be a whole number from 1 to 65535, or the name of a port";
  // The API server reads 0 as the Service's own port.
  if (number !== 0) port.report("error", "UMB0104", message, "targetPort");
  return {};
}

export function readPod(meta: Meta, root: Reader, spec: Reader, status: Reader | undefined): Pod {
  const ready = status?.maps("conditions").find((each) => each.string("type") === "Ready");
  const ip = status === undefined ? undefined : ipOf(status, "podIP");
  const phase = status?.string("phase");
  const isEnding = root.map("metadata")?.has("deletionTimestamp") === true;
  const isOver = phase === "Succeeded" || phase === "Failed";
  const isReady = ready?.string("status") === "True" && !isEnding && !isOver;
  return { ...meta, ip, isReady, ports: containerPorts(spec) };
}

/** By name. Sidecars are among the init containers; the first of two ports with one name counts. */
function containerPorts(spec: Reader): ReadonlyMap<string, number> {
  const ports = new Map<string, number>();
  for (const container of ["containers", "initContainers"].flatMap((key) => spec.maps(key))) {
    for (const each of container.maps("ports")) {
      const name = each.string("name");
      const number = each.integer("containerPort", 1, 65_535);
      if ((each.string("protocol") ?? "TCP") !== "TCP") continue;
      if (name !== undefined && number !== undefined && !ports.has(name)) ports.set(name, number);
    }
  }
  return ports;
}

export function readEndpointSlice(meta: Meta, root: Reader): EndpointSlice {
  const endpoints = root.maps("endpoints").flatMap((endpoint) => {
    const conditions = endpoint.map("conditions");
    const isEnding = conditions?.boolean("terminating") === true;
    // What is not known counts as ready, and as serving.
    const ready = conditions?.boolean("ready");
    const serving = conditions?.boolean("serving") ?? ready ?? true;
    const isReady = (ready ?? true) && !isEnding;
    // An endpoint that ends and still serves is better than none.
    if (!isReady && !(isEnding && serving)) return [];
    return addressOf(endpoint).map((address) => ({ address, isReady }));
  });
  const ports = root.maps("ports").flatMap((each) => {
    const port = each.integer("port", 1, 65_535);
    return port === undefined ? [] : [{ name: each.string("name") ?? "", port }];
  });
  return { ...meta, endpoints, ports };
}

function addressOf(endpoint: Reader): readonly string[] {
  // Several addresses are one endpoint's: the first is as good as the others.
  const [address] = endpoint.strings("addresses");
  if (address === undefined || isIP(address) > 0) return address === undefined ? [] : [address];
  notIp(endpoint, "addresses", address);
  return [];
}

function ipOf(from: Reader, key: string): string | undefined {
  const ip = from.string(key);
  if (ip === undefined || ip === "" || isIP(ip) > 0) return ip === "" ? undefined : ip;
  notIp(from, key, ip);
  return undefined;
}

function notIp(from: Reader, key: string, found: string): void {
  const message = `\`${key}\` must be an IP address, not "${found.slice(0, 64)}"`;
  from.report("error", "UMB0104", message, key);
}

/** The group of core resources is written as `""`; a missing one is a mistake all the same. */
export function readReferenceGrant(meta: Meta, spec: Reader): ReferenceGrant {
  const kindOf = (each: Reader) => {
    const group = each.string("group");
    if (group === undefined && !each.has("group"))
      each.report("error", "UMB0103", "`group` is missing");
    return { group: group ?? "", kind: each.required("kind") ?? "" };
  };
  const grant = {
    ...meta,
    from: spec.maps("from").map((each) => {
      const from = { ...kindOf(each), namespace: each.required("namespace") ?? "" };
      each.warnUnknown();
      return from;
    }),
    to: spec.maps("to").map((each) => {
      const to = { ...kindOf(each), name: each.string("name") };
      each.warnUnknown();
      return to;
    }),
  };
  spec.warnUnknown();
  return grant;
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
