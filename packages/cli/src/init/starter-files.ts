import type { Answers } from "./answers.ts";

export interface StarterFile {
  readonly name: string;
  readonly text: string;
}

/** Creates the starter files, with comments on what to change. Pure. The files pass `umbra check`. */
export function starterFiles(answers: Answers): readonly StarterFile[] {
  const hasShadow = answers.shadow.length > 0;
  return [
    { name: "gateway.yaml", text: gatewayFile(answers, hasShadow) },
    { name: "pools.yaml", text: poolsFile(answers, hasShadow) },
    ...(hasShadow ? [{ name: "shadow-policy.yaml", text: policyFile(answers) }] : []),
  ];
}

/** Quotes a value for YAML in JSON style, so that nothing in it is read as YAML. */
function quoted(value: string): string {
  return JSON.stringify(value);
}

function gatewayFile({ port, hostname }: Answers, hasShadow: boolean): string {
  const mirror = `      filters:
        # Mirrors each request to the shadow, where Umbra picks an endpoint too. The shadow's answer is discarded.
        - type: RequestMirror
          requestMirror:
            backendRef:
              group: inference.networking.k8s.io
              kind: InferencePool
              name: shadow
`;
  return `# The port and hostname for clients, and the pool that answers them.
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
# Models that clients may request, in addition to those that the endpoints list.
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
    "# The model servers. On Kubernetes, remove the annotations: then the ready Pods that match the selector are the endpoints.\n",
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
    # While no sidecar answers: with FailOpen Envoy balances requests itself, with FailClose it answers 503.
    failureMode: FailOpen
`;
}

function policyFile({ percent, model, shadowModel }: Answers): string {
  const isRenamed = model !== undefined && shadowModel !== undefined && shadowModel !== model;
  const rewrite = `  rewrite:
    # Only in the mirrored request.
    model:
      ${quoted(model ?? "")}: ${quoted(shadowModel ?? "")}
`;
  return `# Which requests are mirrored, the mirror's budget, and how the shadow is evaluated. All fields: docs/shadow-policy.md.
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
    # \`umbra shadow percent N\` changes this at runtime.
    percent: ${percent}
${isRenamed ? rewrite : ""}  budget:
    # Mirrored requests above this limit are dropped. They never wait, so the primary is not affected.
    maxInFlight: 32
    maxDuration: 2h
  evaluation:
    # True: both lanes run the same model, so answer lengths are compared too.
    sameModel: ${!isRenamed}
`;
}
