import { compare } from "../compare.ts";
import { conditionOf } from "../conditions.ts";
import { resourceName } from "../resource-ref.ts";
import type { Meta } from "../resources/meta.ts";
import type { Report } from "../resources/report.ts";
import type { InferenceModel, InferencePool } from "../resources/resources.ts";
import type { Model, Pool } from "../topology.ts";
import type { EndpointFinder } from "./endpoints.ts";
import { requestedPickMode } from "./pick-mode.ts";
import {
  byAge,
  objectivesOf,
  pickerConfigOf,
  type ResourcesByPool,
  rewritesOf,
} from "./picking.ts";
import { drainingOf, noEndpoints, type PoolParts } from "./pool-parts.ts";
import { pickerOf } from "./pool-picker.ts";

export function inferencePool(from: InferencePool, parts: PoolParts): Pool {
  const { finder, tls, metricsPlaces, pickModes, resourcesByPool, report } = parts;
  const { endpoints, draining } = finder.ofPool(from) ?? noEndpoints;
  if (endpoints.length === 0) {
    const message = `InferencePool "${from.name}" has no known endpoints, so its requests get 503`;
    report("warning", "UMB0205", from.place, message);
  }
  const models = modelsOf(from, resourcesByPool, report);
  return {
    name: resourceName(from),
    kind: "InferencePool",
    namespace: from.namespace,
    resourceName: from.name,
    endpoints,
    ...drainingOf(draining),
    ...pickerOf(from, parts),
    ...requestedPickMode(from, models, pickModes),
    failureMode: from.failureMode,
    protocol: from.protocol,
    ...tls.ofPool(from),
    models,
    endpointLabels: labelsOf(from, endpoints, finder),
    ...metricsPlaces(from, endpoints, finder.podOf),
    rewrites: rewritesOf(from, resourcesByPool),
    objectives: objectivesOf(from, resourcesByPool),
    ...pickerConfigOf(from, parts.resources),
  };
}

/** Labels that name the engine of an endpoint, as in the reference endpoint picker. */
const engineLabels: ReadonlySet<string> = new Set([
  "llm-d.ai/engine-type",
  "inference.networking.k8s.io/engine-type",
]);

/** Labels by endpoint address. An endpoint of several Pods has the labels of the last one. */
function labelsOf(
  { labels, annotations }: Meta,
  endpoints: readonly string[],
  finder: EndpointFinder,
): Pool["endpointLabels"] {
  const own = Object.entries({ ...labels, ...annotations }).filter(([name]) =>
    engineLabels.has(name),
  );
  const made = endpoints.flatMap((endpoint) => {
    const all = { ...Object.fromEntries(own), ...finder.podOf(endpoint)?.labels };
    return Object.keys(all).length === 0 ? [] : [[endpoint, all] as const];
  });
  return Object.fromEntries(made);
}

function modelsOf(
  from: InferencePool,
  { models }: ResourcesByPool,
  report: Report,
): readonly Model[] {
  const first = new Map<string, InferenceModel>();
  for (const model of (models.get(from) ?? []).toSorted(byAge)) {
    const { modelName } = model;
    const known = first.get(modelName);
    if (known === undefined) {
      first.set(modelName, model);
      continue;
    }
    const message = `InferenceModel "${model.name}" is ignored: "${known.name}" defines the model "${modelName}" in the same pool and takes precedence`;
    const condition = conditionOf(
      { ...model, kind: "InferenceModel" },
      "Accepted",
      "ModelNameInUse",
    );
    report("warning", "UMB0231", model.place, message, { condition });
  }
  return [...first.values()]
    .map(({ modelName, criticality }) => ({ name: modelName, criticality }))
    .toSorted((a, b) => compare(a.name, b.name));
}
