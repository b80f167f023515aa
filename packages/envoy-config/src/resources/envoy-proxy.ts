import { defined } from "@umbra/shadow/defined";
import type { JsonValue } from "../mirror-policy.ts";
import type { JsonMap, PatchOperation } from "../topology.ts";
import { readEmbedded } from "./embedded-yaml.ts";
import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { EnvoyProxy, ParametersRef } from "./resources.ts";

/** What Envoy Gateway does with these, Umbra does not; and what does it here. */
const notHonoured: Readonly<Record<string, string>> = {
  provider: "Umbra deploys nothing: set up Envoy's Deployment and Service yourself",
  logging: "give Envoy --log-level or --component-log-level",
  telemetry: "metrics: --stats-listener; traces: `umbra serve --traces`; more: `bootstrap`",
  concurrency: "give Envoy --concurrency; `umbra up` has it too",
  routingType: "Umbra always sends to endpoints",
  extraArgs: "give them to Envoy yourself",
  mergeGateways: "Umbra always serves all Gateways of the files with one Envoy",
  shutdown: "end Envoy by its admin interface: POST /drain_listeners?graceful",
  filterOrder: "the order of filters is fixed; change a filter by its name with `bootstrap`",
  backendTLS: "change the cluster by its name with `bootstrap`",
  ipFamily: "say with --bind which address listeners bind",
  preserveRouteOrder: "routes stand in the order of the Gateway API's precedence",
  luaValidation: "there are no Lua filters",
  dynamicModules: "load modules with `bootstrap`",
  geoIP: "set it up with `bootstrap`",
};

/** `gateway.envoyproxy.io/v1alpha1`: of it `bootstrap` is honoured. */
export function readEnvoyProxy(meta: Meta, spec: Reader): EnvoyProxy {
  for (const [field, remedy] of Object.entries(notHonoured)) {
    if (!spec.has(field)) continue;
    const message = `\`${field}\` of an EnvoyProxy is not honoured`;
    spec.report("warning", "UMB0242", message, field, { remedy });
  }
  return { ...meta, ...spec.inner("bootstrap", readChange) };
}

type Change = Pick<EnvoyProxy, "change" | "operationPlaces">;

function readChange(from: Reader): Change {
  // The default is Envoy Gateway's.
  const type = from.oneOf("type", ["Merge", "Replace", "JSONPatch"]) ?? "Replace";
  return type === "JSONPatch" ? readPatches(from) : readValue(from, type);
}

function readValue(from: Reader, type: "Merge" | "Replace"): Change {
  if (from.has("jsonPatches")) {
    const message = `\`jsonPatches\` stand beside \`type: ${type}\``;
    const remedy = "set `type: JSONPatch`, or remove them";
    from.report("error", "UMB0243", message, "jsonPatches", { remedy });
  }
  if (!from.needs("value")) return {};
  const embedded = readEmbedded(from, "value");
  if (embedded === undefined) return {};
  const value = embedded.asJson();
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    embedded.report("error", "UMB0243", "a bootstrap is a map of Envoy's fields");
    return {};
  }
  const kind = type === "Merge" ? ("merge" as const) : ("replace" as const);
  return { change: { kind, value: withoutControlPlane(value as JsonMap, embedded) } };
}

/** Envoy Gateway's own bootstrap has these, and whoever replaced it has copied them. */
function withoutControlPlane(value: JsonMap, from: Reader): JsonMap {
  const rest = new Map(Object.entries(value));
  for (const field of ["dynamic_resources", "dynamicResources"]) {
    if (!rest.delete(field)) continue;
    const message = `\`${field}\` is left out: all that Envoy needs is in the bootstrap that Umbra renders`;
    from.report("warning", "UMB0242", message, field, { remedy: "remove it" });
  }
  return Object.fromEntries(rest);
}

const operations = ["add", "remove", "replace", "move", "copy", "test"] as const;

function readPatches(from: Reader): Change {
  if (from.has("value")) {
    from.report("error", "UMB0243", "`value` stands beside `type: JSONPatch`", "value", {
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
    const message = "`jsonPath` is not honoured: the patch is left out";
    const remedy = "name the place with `path`, a JSON Pointer";
    from.report("warning", "UMB0242", message, "jsonPath", { remedy });
    return undefined;
  }
  from.needs("path");
  if (path === undefined || op === undefined) return undefined;
  if ((op === "move" || op === "copy") && source === undefined) {
    from.needs("from", `: what shall be ${op === "move" ? "moved" : "copied"}`);
    return undefined;
  }
  return { op, path, ...defined({ from: source, value }) };
}

/** What a Gateway or GatewayClass names as its EnvoyProxy; empty where it names another kind, or none. */
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
