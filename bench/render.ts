// What reading, checking and rendering cost as the number of HTTPRoutes grows. `npm run bench:render`
import { readTopology, renderBootstrap } from "@umbra/envoy-config";
import { cpuMs } from "./harness/cpu.ts";
import { gateway, pool, route } from "./harness/many-routes.ts";

const counts = [500, 1_000, 2_000, 4_000];
/** 2,000 HTTPRoutes must be rendered in this many seconds, and twice as many in about twice the time. */
const barSeconds = 3;
const barRatio = 2.6;
let isMissed = false;

const ownPools = "each route with a host and two pools of its own";
const shapes: Readonly<Record<string, (index: number) => string>> = {
  [ownPools]: (i) => route(i, `host-${i}.example.com`, `pool-${i}`) + pool(i),
  "all routes with one host and two pools": (i) =>
    route(i, "example.com", "pool-0") + (i === 0 ? pool(0) : ""),
  "seven resources more with each route: policy, model, objective, Pod, Service, slice, Deployment":
    (i) => route(i, `host-${i % 100}.example.com`, `pool-${i}`) + pool(i) + others(i),
};

process.stdout.write("routes   read, s   render, s   whole, s   ratio   bootstrap, MB\n");
for (const [name, shape] of Object.entries(shapes)) {
  process.stdout.write(`${name}\n`);
  measure(shape, 100);
  let before: number | undefined;
  for (const count of counts) {
    const { readMs, renderMs, bytes } = measure(shape, count);
    const wholeMs = readMs + renderMs;
    const ratio = before === undefined ? undefined : wholeMs / before;
    before = wholeMs;
    if (name === ownPools && count === 2_000 && wholeMs > barSeconds * 1_000) isMissed = true;
    if (ratio !== undefined && ratio > barRatio) isMissed = true;
    const cells = [
      String(count).padStart(6),
      (readMs / 1_000).toFixed(2).padStart(9),
      (renderMs / 1_000).toFixed(2).padStart(11),
      (wholeMs / 1_000).toFixed(2).padStart(10),
      (ratio?.toFixed(2) ?? "").padStart(7),
      (bytes / 1_000_000).toFixed(1).padStart(15),
    ];
    process.stdout.write(`${cells.join(" ")}\n`);
  }
}
process.stdout.write(
  `asked for: 2,000 routes with pools of their own in ${barSeconds} s; at most ${barRatio} times the time for twice the routes\n`,
);
process.exitCode = isMissed ? 1 : 0;

function measure(shape: (index: number) => string, count: number) {
  // As many teams keep them: a file for each 100 routes.
  const files = Array.from({ length: count / 100 }, (_, file) => ({
    name: `${file}.yaml`,
    text: Array.from({ length: 100 }, (_, index) => shape(100 * file + index)).join(""),
  }));
  files.unshift({ name: "gateway.yaml", text: gateway });
  const start = cpuMs();
  const { topology, diagnostics } = readTopology(files);
  const read = cpuMs();
  const bootstrap = renderBootstrap(topology);
  const end = cpuMs();
  const wrong = diagnostics.filter(({ severity }) => severity !== "info");
  if (wrong.length > 0) throw new Error(JSON.stringify(wrong[0]));
  return { readMs: read - start, renderMs: end - read, bytes: bootstrap.length };
}

/** What may stand with each route besides. */
function others(index: number): string {
  return `---
apiVersion: v1
kind: Service
metadata: {name: service-${index}}
spec: {selector: {app: pool-${index}}, ports: [{port: 80, targetPort: 8000}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: service-${index}-a, labels: {kubernetes.io/service-name: service-${index}}}
addressType: IPv4
ports: [{port: 8000}]
endpoints: [{addresses: [10.0.${index >> 8}.${index & 255}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: pod-${index}, labels: {app: pool-${index}}}
spec: {}
status: {podIP: 10.0.${index >> 8}.${index & 255}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: deployment-${index}}
spec: {template: {metadata: {labels: {app: pool-${index}, team: all}}, spec: {containers: [{name: vllm, args: [--model, llama]}]}}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: model-${index}}
spec: {modelName: model-${index}, poolRef: {name: pool-${index}}, targetModels: [{name: model-${index}-v2}]}
---
apiVersion: llm-d.ai/v1alpha2
kind: InferenceObjective
metadata: {name: objective-${index}}
spec: {poolRef: {name: pool-${index}}, priority: 1}
---
apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: policy-${index}}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: route-${index}}], sampling: {percent: 10}}
`;
}
