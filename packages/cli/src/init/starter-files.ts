import type { Answers } from "./answers.ts";

export interface StarterFile {
  readonly name: string;
  readonly text: string;
}

/** The first set of files, each with words on what to change. Pure; `umbra check` finds nothing in them. */
export function starterFiles(answers: Answers): readonly StarterFile[] {
  const hasShadow = answers.shadow.length > 0;
  return [
    { name: "gateway.yaml", text: gatewayFile(answers, hasShadow) },
    { name: "pools.yaml", text: poolsFile(answers, hasShadow) },
    ...(hasShadow ? [{ name: "shadow-policy.yaml", text: policyFile(answers) }] : []),
  ];
}

/** In quotes that YAML and JSON share: nothing in a value is YAML of its own. */
function quoted(value: string): string {
  return JSON.stringify(value);
}

function gatewayFile({ port, hostname }: Answers, hasShadow: boolean): string {
  const mirror = `      filters:
        # A copy of each request goes to the shadow, which is picked as well as the primary. Nobody sees its answer.
        - type: RequestMirror
          requestMirror:
            backendRef:
              group: inference.networking.k8s.io
              kind: InferencePool
              name: shadow
`;
  return `# The way in: which port and host clients come to, and which pool answers them.
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: gateway
spec:
  gatewayClassName: umbra
  listeners:
    - name: http
      port: ${port}
      protocol: HTTP
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: chat
spec:
  parentRefs:
    - name: gateway
${hostname === undefined ? "" : `  hostnames:\n    - ${quoted(hostname)}\n`}  rules:
    - name: all
      matches:
        - path:
            type: PathPrefix
            value: /
      backendRefs:
        - group: inference.networking.k8s.io
          kind: InferencePool
          name: primary
${hasShadow ? mirror : ""}`;
}

function poolsFile({ primary, shadow, model }: Answers, hasShadow: boolean): string {
  const models = `---
# Names that clients may ask the pool for, beside those that its endpoints list themselves.
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata:
  name: model
spec:
  modelName: ${quoted(model ?? "")}
  criticality: Standard
  poolRef:
    name: primary
`;
  return [
    "# The model servers. On Kubernetes remove the annotations: then the ready Pods that the selector names are the endpoints.\n",
    poolText("primary", primary),
    ...(hasShadow ? ["---\n", poolText("shadow", shadow)] : []),
    ...(model === undefined ? [] : [models]),
  ].join("");
}

function poolText(name: string, endpoints: readonly string[]): string {
  const port = endpoints[0]?.slice((endpoints[0]?.lastIndexOf(":") ?? 0) + 1);
  return `apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata:
  name: ${name}
  annotations:
    umbra.dev/endpoints: ${quoted(endpoints.join(","))}
spec:
  selector:
    matchLabels:
      app: ${name}
  targetPorts:
    - number: ${port}
  endpointPickerRef:
    name: umbra
    port:
      number: 9002
    # What happens to requests while no sidecar answers: FailOpen lets Envoy balance, FailClose answers 503.
    failureMode: FailOpen
`;
}

function policyFile({ percent, model, shadowModel }: Answers): string {
  const isRenamed = model !== undefined && shadowModel !== undefined && shadowModel !== model;
  const rewrite = `  rewrite:
    # In the copy alone.
    model:
      ${quoted(model ?? "")}: ${quoted(shadowModel ?? "")}
`;
  return `# What of the traffic is mirrored, what it may use, and how the shadow is judged. docs/evaluation.md has every field.
apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata:
  name: shadow
spec:
  targetRefs:
    - group: gateway.networking.k8s.io
      kind: HTTPRoute
      name: chat
      sectionName: all
  sampling:
    # \`umbra shadow percent N\` changes it while Envoy runs.
    percent: ${percent}
${isRenamed ? rewrite : ""}  budget:
    # Copies over it are dropped, and never wait: the primary does not notice.
    maxInFlight: 32
    maxDuration: 2h
  evaluation:
    # The same model on both sides: then also lengths of answers are compared.
    sameModel: ${!isRenamed}
`;
}
