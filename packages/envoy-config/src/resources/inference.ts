import type { ModelRewrite } from "../topology.ts";
import type { Meta } from "./meta.ts";
import { readObjectRef } from "./object-ref.ts";
import type { Reader } from "./reader.ts";
import type {
  InferenceModel,
  InferenceModelRewrite,
  InferenceObjective,
  InferencePool,
} from "./resources.ts";

/** `v1` of `inference.networking.k8s.io`, `v1alpha2` of `inference.networking.x-k8s.io`. */
export type PoolVersion = "v1" | "v1alpha2";

export function readInferencePool(meta: Meta, spec: Reader, version: PoolVersion): InferencePool {
  const isAlpha = version === "v1alpha2";
  const selector = isAlpha
    ? spec.texts("selector")
    : (spec.map("selector")?.texts("matchLabels") ?? {});
  const portsKey = isAlpha ? "targetPortNumber" : "targetPorts";
  const ports = isAlpha ? [spec.integer(portsKey, 1, 65_535) ?? []].flat() : targetPorts(spec);
  if (ports.length === 0) spec.needs(portsKey);
  const picker = spec.inner(isAlpha ? "extensionRef" : "endpointPickerRef", (ref) => {
    const given = isAlpha ? ref.integer("portNumber", 1, 65_535) : pickerPort(ref);
    const failureMode = ref.oneOf("failureMode", ["FailOpen", "FailClose"]);
    const service = readObjectRef(ref, ref.string("kind") ?? "Service");
    return { failureMode, ref: service && { ...service, port: given ?? usualPickerPort } };
  });
  const isH2c =
    !isAlpha && spec.oneOf("appProtocol", ["http", "kubernetes.io/h2c"]) === "kubernetes.io/h2c";
  return {
    ...meta,
    group: isAlpha ? "inference.networking.x-k8s.io" : "inference.networking.k8s.io",
    selector,
    targetPorts: ports,
    failureMode: picker?.failureMode ?? "FailClose",
    protocol: isH2c ? "h2c" : "http1",
    pickerRef: picker?.ref,
  };
}

/** The port of the reference endpoint picker. */
const usualPickerPort = 9_002;

function pickerPort(ref: Reader): number | undefined {
  return ref.inner("port", (port) => port.integer("number", 1, 65_535));
}

/** Each port is a separate endpoint of every Pod, for engines with data-parallel ranks. */
function targetPorts(spec: Reader): readonly number[] {
  const ports = spec
    .maps("targetPorts")
    .flatMap((each) => each.whole(() => each.integer("number", 1, 65_535)) ?? []);
  if (ports.length > 8) spec.wrong("`targetPorts` must have at most 8 entries", "targetPorts");
  if (new Set(ports).size < ports.length) {
    spec.wrong("`targetPorts` must all be different", "targetPorts");
  }
  return ports;
}

/** What remains of a model with an error: its name, so that its requests are not refused as unknown. */
export function nameOfModel(model: InferenceModel): InferenceModel {
  return { ...model, targets: [] };
}

export function readInferenceModel(meta: Meta, spec: Reader): InferenceModel | undefined {
  const modelName = spec.required("modelName");
  const pool = readPoolRef(spec);
  const criticality =
    spec.oneOf("criticality", ["Critical", "Standard", "Sheddable"]) ?? "Standard";
  const named = spec.maps("targetModels");
  const targets = readTargets(spec, "targetModels", "name");
  const weighted = named.filter((each) => each.has("weight")).length;
  if (weighted > 0 && weighted < named.length) {
    spec.wrong("either all `targetModels` must have a weight, or none", "targetModels");
  }
  return modelName === undefined || pool === undefined
    ? undefined
    : { ...meta, modelName, pool, criticality, targets };
}

export function readInferenceObjective(meta: Meta, spec: Reader): InferenceObjective | undefined {
  const pool = readPoolRef(spec);
  const priority = spec.integer("priority", -(2 ** 31), 2 ** 31 - 1) ?? 0;
  return pool === undefined ? undefined : { ...meta, pool, priority };
}

export function readInferenceModelRewrite(
  meta: Meta,
  spec: Reader,
): InferenceModelRewrite | undefined {
  const pool = readPoolRef(spec);
  const rules = spec.soundParts("rules", readRules).flat();
  return pool === undefined ? undefined : { ...meta, pool, rules };
}

/** Creates one rewrite for each model in the rule; without models, one for all other models. */
function readRules(rule: Reader): InferenceModelRewrite["rules"] {
  const targets = readTargets(rule, "targets", "modelRewrite");
  rule.needs("targets");
  const models = rule.maps("matches").flatMap((match) => {
    const model = match.map("model");
    model?.oneOf("type", ["Exact"]);
    return model?.required("value") ?? [];
  });
  if (targets.length === 0) return [];
  return rule.has("matches") ? models.map((model) => ({ model, targets })) : [{ targets }];
}

/** Reads the name of the InferencePool in `poolRef`. */
function readPoolRef(spec: Reader): string | undefined {
  const ref = spec.map("poolRef");
  spec.needs("poolRef");
  ref?.oneOf("kind", ["InferencePool"]);
  ref?.oneOf("group", ["inference.networking.k8s.io", "inference.networking.x-k8s.io"]);
  return ref?.required("name");
}

const maxWeight = 1_000_000;

/** If some targets have a weight, those without one get no requests. If none has one, all get the same share. */
function readTargets(of: Reader, key: string, name: string): ModelRewrite["targets"] {
  const read = of.each(key, (target) => {
    const model = target.required(name);
    const weight = target.integer("weight", 0, maxWeight);
    const isWrong = weight === undefined && target.has("weight");
    return model === undefined ? undefined : { model, weight, isWrong };
  });
  const others = read.every(({ weight }) => weight === undefined) ? 1 : 0;
  const targets = read.map(({ model, weight }) => ({ model, weight: weight ?? others }));
  const isNothing = targets.length > 0 && targets.every(({ weight }) => weight === 0);
  if (isNothing && !read.some(({ isWrong }) => isWrong)) {
    of.wrong(`\`${key}\` must have a weight above 0`, key);
  }
  return targets;
}
