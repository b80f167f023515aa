/** An annotation of Umbra, or a label that Umbra reads as one. */
export interface AnnotationText {
  readonly name: AnnotationName;
  /** Kinds of resources that may carry it. */
  readonly on: readonly string[];
  /** What it may say, as written in YAML. */
  readonly values: string;
  /** One or two sentences, each ending in a full stop. */
  readonly meaning: string;
}

export type AnnotationName = `umbra.dev/${string}`;

/** Endpoints of a pool or Service: `ip:port`, separated by commas. */
export const endpointsAnnotation = "umbra.dev/endpoints";
export const pickerAnnotation = "umbra.dev/picker";
export const pickModeAnnotation = "umbra.dev/pick-mode";
export const modelHeaderAnnotation = "umbra.dev/model-header";
export const modelAnnotation = "umbra.dev/model";
export const stickyAnnotation = "umbra.dev/sticky";
export const credentialsAnnotation = "umbra.dev/mirror-credentials";
/** The annotations that say where metrics pages are begin with it. */
export const metricsPrefix = "umbra.dev/metrics-";
export const enforcedElsewhereAnnotation = "umbra.dev/enforced-elsewhere";

const pools = ["InferencePool", "Service"];

/** Every annotation that Umbra reads, in the order of the documentation. */
export const annotationTexts: readonly AnnotationText[] = [
  {
    name: endpointsAnnotation,
    on: pools,
    values: "`ip:port`, several separated by commas",
    meaning: "The endpoints of the pool. They replace EndpointSlices and Pods.",
  },
  {
    name: pickerAnnotation,
    on: pools,
    values: "`none`",
    meaning: "Envoy balances over the pool's endpoints by least requests; Umbra picks nothing.",
  },
  {
    name: pickModeAnnotation,
    on: pools,
    values: "`headers`, `buffered` or `duplex`",
    meaning: "How much of a request Umbra reads before it picks.",
  },
  {
    name: modelHeaderAnnotation,
    on: pools,
    values: "name of a header",
    meaning: "The request header that holds the model's name, for the pick mode `headers`.",
  },
  {
    name: modelAnnotation,
    on: pools,
    values: "name of a model",
    meaning: "The model of requests that name none.",
  },
  {
    name: stickyAnnotation,
    on: ["InferenceModel", "InferenceModelRewrite"],
    values: "`session`",
    meaning: "All requests of a session get the same one of the weighted target models.",
  },
  {
    name: credentialsAnnotation,
    on: pools,
    values: "`keep` or `remove`",
    meaning:
      "Whether mirrored requests to this pool keep the client's credentials. The default is `remove`.",
  },
  {
    name: `${metricsPrefix}path`,
    on: ["Pod", ...pools],
    values: "path",
    meaning: "Path of the endpoints' metrics page. A Pod's annotation comes before its pool's.",
  },
  {
    name: `${metricsPrefix}port`,
    on: ["Pod", ...pools],
    values: "port number",
    meaning: "Port of the endpoints' metrics page.",
  },
  {
    name: `${metricsPrefix}scheme`,
    on: ["Pod", ...pools],
    values: "`http` or `https`",
    meaning: "Scheme of the endpoints' metrics page.",
  },
  {
    name: enforcedElsewhereAnnotation,
    on: ["any kind that Umbra does not read"],
    values: '`"true"`',
    meaning:
      "Something else enforces this object, for example a proxy in front of Envoy. `umbra check` then reports it as information instead of an error or a warning.",
  },
];

/** Labels of an endpoint that the cost section of a report uses. */
export const gpusLabel = "umbra.dev/gpus";
export const costLabel = "umbra.dev/cost-per-hour";

/** Every label of Umbra, in the order of the documentation. */
export const labelTexts: readonly AnnotationText[] = [
  {
    name: gpusLabel,
    on: ["Pod"],
    values: "number above 0",
    meaning: "GPUs of this endpoint. The ShadowPolicy's `evaluation.cost` comes before it.",
  },
  {
    name: costLabel,
    on: ["Pod"],
    values: "number above 0",
    meaning: "Cost of this endpoint for an hour, in a currency of your choice.",
  },
];

/** Names of the annotations that Umbra reads. */
export const annotationNames: readonly string[] = annotationTexts.map(({ name }) => name);
