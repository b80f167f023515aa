import { defined } from "@umbra/shadow/defined";
import type { JsonValue } from "../mirror-policy.ts";
import type { JsonMap, PatchOperation } from "../topology.ts";
import { readEmbedded } from "./embedded-yaml.ts";
import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { EnvoyProxy, ParametersRef } from "./resources.ts";

/** EnvoyProxy fields that Umbra does not support, with the alternative. */
const notHonoured: Readonly<Record<string, string>> = {
  provider: "Umbra does not deploy Envoy: create its Deployment and Service yourself",
  logging: "pass --log-level or --component-log-level to Envoy",
  telemetry:
    "for metrics use --stats-listener, for traces `umbra serve --traces`, for the rest `bootstrap`",
  concurrency: "pass --concurrency to Envoy or `umbra up`",
  routingType: "no alternative: Umbra always routes to endpoints",
  extraArgs: "pass them to Envoy yourself",
  mergeGateways: "no alternative: one Envoy always serves all Gateways",
  shutdown: "stop Envoy through its admin interface: POST /drain_listeners?graceful",
  filterOrder: "the filter order is fixed; change a filter by name with `bootstrap`",
  backendTLS: "change the cluster by name with `bootstrap`",
  ipFamily: "set the listeners' address with --bind",
  preserveRouteOrder: "no alternative: routes are in the Gateway API's order of precedence",
  luaValidation: "no alternative: Lua filters are not supported",
  dynamicModules: "load modules with `bootstrap`",
  geoIP: "configure it with `bootstrap`",
};

/** Reads a `gateway.envoyproxy.io/v1alpha1` EnvoyProxy. Only `bootstrap` is supported. */
export function readEnvoyProxy(meta: Meta, spec: Reader): EnvoyProxy {
  for (const [field, remedy] of Object.entries(notHonoured)) {
    if (!spec.has(field)) continue;
    const message = `\`${field}\` of an EnvoyProxy is not supported`;
    spec.report("warning", "UMB0242", message, field, { remedy });
  }
  return { ...meta, ...spec.inner("bootstrap", readChange) };
}

type Change = Pick<EnvoyProxy, "change" | "operationPlaces">;

function readChange(from: Reader): Change {
  // The default is the same as Envoy Gateway's.
  const type = from.oneOf("type", ["Merge", "Replace", "JSONPatch"]) ?? "Replace";
  return type === "JSONPatch" ? readPatches(from) : readValue(from, type);
}

function readValue(from: Reader, type: "Merge" | "Replace"): Change {
  if (from.has("jsonPatches")) {
    const message = `\`jsonPatches\` can't be combined with \`type: ${type}\``;
    const remedy = "set `type: JSONPatch`, or remove them";
    from.report("error", "UMB0243", message, "jsonPatches", { remedy });
  }
  if (!from.needs("value")) return {};
  const embedded = readEmbedded(from, "value");
  if (embedded === undefined) return {};
  const value = embedded.asJson();
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    embedded.report("error", "UMB0243", "a bootstrap must be a map of Envoy's fields");
    return {};
  }
  const kind = type === "Merge" ? ("merge" as const) : ("replace" as const);
  return { change: { kind, value: withoutControlPlane(value as JsonMap, embedded) } };
}

/** Fields of Envoy Gateway's own bootstrap, which users copy when they replace it. */
function withoutControlPlane(value: JsonMap, from: Reader): JsonMap {
  const rest = new Map(Object.entries(value));
  for (const field of ["dynamic_resources", "dynamicResources"]) {
    if (!rest.delete(field)) continue;
    const message = `\`${field}\` is ignored: the rendered bootstrap contains everything that Envoy needs`;
    from.report("warning", "UMB0242", message, field, { remedy: "remove it" });
  }
  return Object.fromEntries(rest);
}

const operations = ["add", "remove", "replace", "move", "copy", "test"] as const;

function readPatches(from: Reader): Change {
  if (from.has("value")) {
    from.report("error", "UMB0243", "`value` can't be combined with `type: JSONPatch`", "value", {
      remedy: "set `type: Merge` or `type: Replace`, or remove it",
    });
  }
  const read = from.each("jsonPatches", (each) => {
    const operation = readOperation(each);
    return operation && { operation, place: each.place() };
  });
  return {
    change: { kind: "patch", operations: read.map(({ operation }) => operation) },
    operationPlaces: read.map(({ place }) => place),
  };
}

function readOperation(from: Reader): PatchOperation | undefined {
  const op = from.oneOf("op", operations);
  from.needs("op");
  const path = from.string("path");
  const source = from.string("from");
  const value = from.jsonValue("value") as JsonValue | undefined;
  if (from.has("jsonPath")) {
    const message = "`jsonPath` is not supported: the patch is ignored";
    const remedy = "use `path`, a JSON Pointer, instead";
    from.report("warning", "UMB0242", message, "jsonPath", { remedy });
    return undefined;
  }
  from.needs("path");
  if (path === undefined || op === undefined) return undefined;
  if ((op === "move" || op === "copy") && source === undefined) {
    from.needs("from", `: it names what to ${op === "move" ? "move" : "copy"}`);
    return undefined;
  }
  return { op, path, ...defined({ from: source, value }) };
}

/** Returns the EnvoyProxy that a Gateway or GatewayClass refers to; empty if it refers to another kind or to nothing. */
export function readParametersRef(
  by: ParametersRef["by"],
  from: Reader | undefined,
  namespace: string,
): readonly ParametersRef[] {
  const ref = from?.map("parametersRef");
  const name = ref?.string("name");
  if (ref === undefined || name === undefined || ref.string("kind") !== "EnvoyProxy") return [];
  return [{ by, name, namespace: ref.string("namespace") ?? namespace, place: ref.place("name") }];
}
