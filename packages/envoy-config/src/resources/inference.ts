import type { Reader } from "./reader.ts";
import type { InferenceModel, InferencePool, Meta } from "./resources.ts";

/** `inference.networking.k8s.io/v1` and `inference.networking.x-k8s.io/v1alpha2`. */
export function readInferencePool(meta: Meta, spec: Reader): InferencePool {
  const isAlpha = spec.has("targetPortNumber") || spec.has("extensionRef");
  const selector = isAlpha
    ? spec.texts("selector")
    : (spec.map("selector")?.texts("matchLabels") ?? {});
  const picker = spec.map(isAlpha ? "extensionRef" : "endpointPickerRef");
  const single = spec.integer("targetPortNumber", 1, 65_535);
  const several = spec
    .maps("targetPorts")
    .flatMap((each) => each.integer("number", 1, 65_535) ?? []);
  if (single === undefined && several.length === 0) {
    spec.report(
      "error",
      "UMB0103",
      `\`${isAlpha ? "targetPortNumber" : "targetPorts"}\` is missing`,
    );
  }
  const isH2c = spec.oneOf("appProtocol", ["http", "kubernetes.io/h2c"]) === "kubernetes.io/h2c";
  const pool: InferencePool = {
    ...meta,
    selector,
    targetPorts: single === undefined ? several : [single],
    failureMode: picker?.oneOf("failureMode", ["FailOpen", "FailClose"]) ?? "FailClose",
    protocol: isH2c ? "h2c" : "http1",
  };
  picker?.warnUnknown("group", "kind", "name", "port", "portNumber");
  spec.warnUnknown("selector", "endpointPickerRef", "extensionRef");
  return pool;
}

export function readInferenceModel(meta: Meta, spec: Reader): InferenceModel | undefined {
  const modelName = spec.required("modelName");
  const pool = spec.map("poolRef")?.required("name");
  if (!spec.has("poolRef")) spec.report("error", "UMB0103", "`poolRef` is missing");
  const criticality =
    spec.oneOf("criticality", ["Critical", "Standard", "Sheddable"]) ?? "Standard";
  spec.warnUnknown("targetModels");
  return modelName === undefined || pool === undefined
    ? undefined
    : { ...meta, modelName, pool, criticality };
}
