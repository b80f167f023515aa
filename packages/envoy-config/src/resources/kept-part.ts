import { asJsonMap, type JsonMap } from "../json-map.ts";
import { isPickerConfigText } from "./config-map.ts";

/**
 * The part of an object of an API server that its reading uses, so that the rest need not be held: a cluster has
 * thousands of Pods and ConfigMaps, and a Pod is mostly volumes, variables and states of containers. Undefined: nothing of
 * it is used. Objects of other kinds are returned whole. Never throws.
 */
export function keptPart(object: JsonMap): JsonMap | undefined {
  switch (object.kind) {
    case "Pod":
      return keptPod(object);
    case "ConfigMap":
      return keptConfigMap(object);
    default:
      return object;
  }
}

function keptPod({ apiVersion, kind, metadata, spec, status }: JsonMap): JsonMap {
  const { containers, initContainers } = asJsonMap(spec);
  const { phase, podIP, conditions } = asJsonMap(status);
  return {
    ...{ apiVersion, kind, metadata },
    spec: { containers: portsOf(containers), initContainers: portsOf(initContainers) },
    status: { phase, podIP, conditions: readyOf(conditions) },
  };
}

function portsOf(containers: unknown): readonly JsonMap[] {
  return listOf(containers).map((each) => {
    const { name, ports } = asJsonMap(each);
    return { name, ports };
  });
}

function readyOf(conditions: unknown): readonly JsonMap[] {
  return listOf(conditions).flatMap((each) => {
    const { type, status } = asJsonMap(each);
    return type === "Ready" ? [{ type, status }] : [];
  });
}

/** Authorities that BackendTLSPolicies may name, and configurations of pickers. */
function keptConfigMap({ apiVersion, kind, metadata, data }: JsonMap): JsonMap | undefined {
  const used = Object.entries(asJsonMap(data)).filter(
    ([key, text]) => typeof text === "string" && (key === "ca.crt" || isPickerConfigText(text)),
  );
  if (used.length === 0) return undefined;
  return { apiVersion, kind, metadata, data: Object.fromEntries(used) };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
