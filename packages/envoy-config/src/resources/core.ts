import { isIP } from "node:net";
import type { Reader } from "./reader.ts";
import type { Deployment, EndpointSlice, Meta, Pod, ReferenceGrant, Service } from "./resources.ts";

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
  const ip = status === undefined ? undefined : ipOf(status, "podIP");
  return { ...meta, ip, isReady: ready?.string("status") === "True" };
}

export function readEndpointSlice(meta: Meta, root: Reader): EndpointSlice {
  const addresses = root.maps("endpoints").flatMap((endpoint) => {
    // An endpoint whose readiness is not told counts as ready.
    const isReady = endpoint.map("conditions")?.boolean("ready") ?? true;
    return isReady ? addressOf(endpoint) : [];
  });
  const ports = root.maps("ports").flatMap((each) => {
    const port = each.integer("port", 1, 65_535);
    return port === undefined ? [] : [{ name: each.string("name") ?? "", port }];
  });
  return { ...meta, addresses, ports };
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
