// Runs one conformance suite against Umbra and an Envoy, in a network namespace that has nothing else in it. Started by
// `scripts/test-conformance.mjs`, which makes the namespace and takes it away.
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { ApiClient } from "@umbra/kubernetes";
import { KubeServer } from "../kube/kube-server.ts";
import { claimedFeatures } from "./claims.ts";
import { installDefinitions } from "./definitions.ts";
import { NodeStandIn } from "./node-stand-in.ts";
import { PodNetwork } from "./pod-network.ts";
import { runSuite, type SuiteRun, type TestResult } from "./suite.ts";
import { TestedGateway } from "./tested-gateway.ts";

const { values } = parseArgs({
  options: {
    programs: { type: "string" },
    definitions: { type: "string", multiple: true },
    output: { type: "string" },
    version: { type: "string" },
    test: { type: "string" },
  },
});
const { programs = "", definitions = [], output = "", version = "", test } = values;

const gatewayClass = "umbra";

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

const suiteOptions = {
  gatewayClassName: gatewayClass,
  conformanceProfiles: ["GATEWAY-HTTP"],
  supportedFeatures: claimedFeatures,
  implementation: {
    organization: "umbra-dev",
    project: "umbra",
    url: "https://github.com/umbra-dev/umbra",
    version,
    contact: ["https://github.com/umbra-dev/umbra/issues"],
  },
  usableNetworkAddresses: [{ type: "IPAddress", value: "10.244.200.200" }],
  unusableNetworkAddresses: [{ type: "IPAddress", value: "192.0.2.1" }],
  // The namespaces go with the API server.
  cleanupBaseResources: false,
  disableParallelTests: true,
  timeoutConfig: { testIsolation: "0s" },
  ...(test === undefined ? {} : { runTest: test }),
};

function printResult({ name, outcome, seconds }: TestResult): void {
  print(`  ${outcome} ${name} (${seconds} s)`);
}

function printSummary({ results, status, report, log }: SuiteRun): void {
  const count = (wanted: string) => results.filter(({ outcome }) => outcome === wanted).length;
  print(
    `${count("PASS")} passed, ${count("FAIL")} failed, ${count("SKIP")} skipped; status ${status}`,
  );
  print(`log: ${log}`);
  if (existsSync(report)) print(readFileSync(report, "utf8"));
}

async function main(): Promise<number> {
  mkdirSync(output, { recursive: true });
  const network = new PodNetwork();
  print("starting the API server");
  const kube = await KubeServer.start({
    hasControllers: true,
    apiserverFlags: ["--kubelet-preferred-address-types=InternalIP"],
  });
  const client = kube.client();
  await installDefinitions(client, definitions);
  await createClass(client);
  const node = await NodeStandIn.start({
    ...{ client, network, folder: kube.folder },
    programs: [{ image: "echo-basic", command: join(programs, "echo-basic"), port: 3_000 }],
    onProblem: (text) => print(`node stand-in: ${text}`),
  });
  const gateway = await TestedGateway.start({
    ...{ folder: kube.folder, kubeconfig: kube.kubeconfig("admin"), logs: output },
  });
  print("running the suite");
  const run = await runSuite({
    program: join(programs, "gateway-api.test"),
    kubeconfig: kube.kubeconfig("admin"),
    ...{ folder: output, options: suiteOptions, onResult: printResult },
  });
  for (const part of ["etcd", "apiserver", "controllers"])
    copyFileSync(join(kube.folder, `${part}.log`), join(output, `${part}.log`));
  printSummary(run);
  node.close();
  await gateway.stop();
  await client.close();
  await kube.close();
  return run.status ?? 1;
}

process.exit(await main());
