// Runs one conformance suite against Umbra and an Envoy, in a network namespace that has nothing else in it. Started by
// `scripts/test-conformance.mjs`, which makes the namespace and takes it away.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { ApiClient, JsonObject } from "@umbra/kubernetes";
import { until } from "../harness/until.ts";
import { installDefinitions } from "../kube/definitions.ts";
import { KubeServer } from "../kube/kube-server.ts";
import { NodeStandIn } from "./node-stand-in.ts";
import { PodNetwork } from "./pod-network.ts";
import { type PickerName, podPrograms } from "./pod-programs.ts";
import { RunningPod, type RunningPodOptions } from "./running-pod.ts";
import { reportLines, runSuite, type SuiteRun, type TestResult } from "./suite.ts";
import { TestedGateway } from "./tested-gateway.ts";
import { gatewayClass, type SuiteName, singleTest, testedSuites } from "./tested-suites.ts";

const { values } = parseArgs({
  options: {
    suite: { type: "string" },
    picker: { type: "string" },
    programs: { type: "string" },
    definitions: { type: "string", multiple: true },
    output: { type: "string" },
    version: { type: "string" },
    test: { type: "string" },
  },
});
const { programs = "", definitions = [], output = "", version = "", test } = values;
const suiteName = values.suite as SuiteName;
const suite = testedSuites[suiteName];

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function createClass(client: ApiClient): Promise<void> {
  const body = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name: gatewayClass },
    spec: { controllerName: "umbra.dev/gateway" },
  };
  const path = "/apis/gateway.networking.k8s.io/v1/gatewayclasses";
  await client.request({ method: "POST", path, body });
}

/** The suite reads which features are supported before it waits for anything. */
async function untilAccepted(client: ApiClient): Promise<void> {
  const path = `/apis/gateway.networking.k8s.io/v1/gatewayclasses/${gatewayClass}`;
  const hasFeatures = async (): Promise<boolean> => {
    const { status } = await client.request({ method: "GET", path });
    return (status as JsonObject | undefined)?.supportedFeatures !== undefined;
  };
  await until("the GatewayClass says which features are supported", hasFeatures, 60_000);
}

/** Writes a kubeconfig for programs in pods, which reach the API server at the node's address. */
function writePodKubeconfig(kube: KubeServer, nodeAddress: string): string {
  const config = JSON.parse(readFileSync(kube.kubeconfig("admin"), "utf8"));
  for (const { cluster } of config.clusters) {
    cluster.server = cluster.server.replace("127.0.0.1", nodeAddress);
    // The certificate is for loopback.
    delete cluster["certificate-authority"];
    cluster["insecure-skip-tls-verify"] = true;
  }
  const file = join(kube.folder, "pods.kubeconfig");
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

const implementation = {
  organization: "umbra-dev",
  project: "umbra",
  url: "https://github.com/umbra-dev/umbra",
  version,
  contact: ["https://github.com/umbra-dev/umbra/issues"],
};

function printResult({ name, outcome, seconds }: TestResult): void {
  // The suites skip, without a word each, what needs features that are not claimed.
  if (outcome !== "SKIP") print(`  ${outcome} ${name} (${seconds} s)`);
}

function printSummary({ results, log, report }: SuiteRun): void {
  const count = (wanted: string) => results.filter(({ outcome }) => outcome === wanted).length;
  const [passed, failed, skipped] = ["PASS", "FAIL", "SKIP"].map(count);
  print(`${passed} passed, ${failed} failed, ${skipped} need features that are not claimed`);
  for (const line of reportLines(report)) print(line);
  print(`log: ${log}`);
}

async function main(): Promise<number> {
  mkdirSync(output, { recursive: true });
  const network = new PodNetwork();
  print("starting the API server");
  const kube = await KubeServer.start({
    hasControllers: true,
    apiserverFlags: [...["--bind-address=0.0.0.0", "--kubelet-preferred-address-types=InternalIP"]],
  });
  const client = kube.client();
  await installDefinitions(client, definitions);
  await createClass(client);
  const podOptions: RunningPodOptions = {
    ...{ client, network, folder: kube.folder },
    kubeconfig: writePodKubeconfig(kube, network.nodeAddress),
    programs: podPrograms(programs, values.picker as PickerName),
  };
  const node = await NodeStandIn.start({
    ...{ client, network, folder: kube.folder },
    podFor: (pod) => new RunningPod(pod, podOptions),
    onProblem: (text) => print(`node stand-in: ${text}`),
  });
  await suite.prepare(client);
  const kubeconfig = kube.kubeconfig("admin");
  const gateway = await TestedGateway.start({
    ...{ folder: kube.folder, kubeconfig, logs: output, flags: suite.flags },
    gatewayAddresses: network.gatewayAddresses,
  });
  await untilAccepted(client);
  print(`running ${suiteName}`);
  const run = await runSuite({
    ...{ program: join(programs, suite.program), kubeconfig, folder: output },
    options: {
      ...{ ...suite.options, implementation },
      ...(test === undefined ? {} : singleTest(suiteName, test)),
    },
    onResult: printResult,
  });
  for (const part of ["etcd", "apiserver", "controllers"])
    copyFileSync(join(kube.folder, `${part}.log`), join(output, `${part}.log`));
  printSummary(run);
  print(`picks of the tested gateway's Umbra: ${await gateway.picks()}`);
  await node.close();
  await gateway.stop();
  await client.close();
  await kube.close();
  return existsSync(run.report) ? (run.status ?? 1) : 1;
}

process.exit(await main());
