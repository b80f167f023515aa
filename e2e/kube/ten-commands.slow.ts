// "From an empty cluster to a verdict": the commands of docs/kubernetes.md, as they are there, on a real API server, with
// the real helm and kubectl. There are no nodes: what needs one has a stand-in (ten-commands/).
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "@jest/globals";
import { NodeStandIn } from "../conformance/node-stand-in.ts";
import { PodNetwork } from "../conformance/pod-network.ts";
import type { Container, Pod } from "../conformance/workloads.ts";
import { umbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { KubeServer } from "./kube-server.ts";
import { commandsOf } from "./ten-commands/page-commands.ts";
import { PodStandIn } from "./ten-commands/pod-stand-in.ts";
import { type Tools, writeTools } from "./ten-commands/tools.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const envoyBinary = process.env.ENVOY_BIN ?? join(root, ".cache/envoy/1.40.0/envoy");
const {
  UMBRA_KUBE_PODS: pods = "",
  UMBRA_HELM: helm = "",
  UMBRA_KUBECTL: kubectl = "",
} = process.env;
const withTools = [pods, helm, kubectl].includes("") ? test.skip : test;
const registry = "registry.example";
/** The first address of the API server's network of Services, and in its certificate. */
const apiServerAddress = "10.0.0.1";

const commands = commandsOf("kubernetes.md", "From an empty cluster to a verdict").map((line) =>
  line.replaceAll("REGISTRY", registry),
);

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
}, 60_000);

/** What runs for a container of the images that were pushed, or for a vLLM. */
function commandOf(tools: Tools, { image, command, args = [] }: Container, pod: Pod) {
  const umbraOf = (...more: readonly string[]) => [process.execPath, umbra, ...more];
  if (image === "vllm/vllm-openai") {
    // The shadow is so much slower that half a minute is enough to see it.
    const scale = pod.metadata.name.startsWith("vllm-llama2-7b-pool-1-") ? "0.6" : "0.2";
    return umbraOf("simulate", "--bind", "0.0.0.0", "--time-scale", scale, "--", ...args);
  }
  if (!tools.pushedImages().includes(image)) throw new Error(`the image ${image} was never pushed`);
  return command?.[0] === "/usr/bin/envoy" ? [envoyBinary, ...args] : umbraOf(...args);
}

interface Ran {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a command as a shell does; one that ends in `&` runs until the test ends. */
async function run(command: string, env: NodeJS.ProcessEnv): Promise<Ran> {
  const child = spawn("sh", ["-c", command.replace(/&$/, "")], {
    ...{ cwd: root, env, detached: true, stdio: ["ignore", "pipe", "pipe"] },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const ended = once(child, "close");
  const stop = () => {
    const isRunning = child.exitCode === null && child.signalCode === null;
    if (child.pid !== undefined && isRunning) process.kill(-child.pid);
  };
  closing.push(stop);
  if (command.endsWith("&")) {
    await until(`"${command}" has begun`, () => isListening(8_080), 30_000).catch(
      (cause: Error) => {
        throw new Error(`${cause.message}\n${output}`);
      },
    );
    return { status: 0, output };
  }
  await ended;
  return { status: child.exitCode, output };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** A real API server, and a stand-in for a node. */
async function startCluster(tools: () => Tools, folder: string): Promise<KubeServer> {
  const network = new PodNetwork("10.245");
  closing.push(() => network.close());
  execFileSync("ip", ["address", "add", `${apiServerAddress}/32`, "dev", "lo"]);
  closing.push(() => execFileSync("ip", ["address", "del", `${apiServerAddress}/32`, "dev", "lo"]));
  const kube = await KubeServer.start({
    hasControllers: true,
    apiserverFlags: ["--bind-address=0.0.0.0", "--kubelet-preferred-address-types=InternalIP"],
  });
  closing.push(() => kube.close());
  const client = kube.client();
  closing.push(() => client.close());
  const problems: string[] = [];
  const options = {
    ...{ client, network, folder },
    authority: readFileSync(join(kube.folder, "pki", "apiserver.crt"), "utf8"),
    apiServer: {
      KUBERNETES_SERVICE_HOST: apiServerAddress,
      KUBERNETES_SERVICE_PORT: new URL(kube.url).port,
    },
    commandOf: (container: Container, pod: Pod) => commandOf(tools(), container, pod),
  };
  const node = await NodeStandIn.start({
    ...{ client, network, folder },
    podFor: (pod) => new PodStandIn(pod, options),
    onProblem: (text) => problems.push(text),
  });
  closing.push(async () => {
    await node.close();
    if (problems.length > 0) process.stdout.write(`node stand-in: ${problems.join("\n")}\n`);
  });
  return kube;
}

test("the page has ten commands", () => {
  expect(commands).toHaveLength(10);
});

withTools(
  "the ten commands of the page end with a verdict",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "umbra-ten-"));
    closing.push(() => rmSync(folder, { recursive: true, force: true }));
    const podFolder = join(folder, "pods");
    mkdirSync(podFolder);
    const releases = commands.flatMap((line) => line.match(/https:\/\/github\.com\/\S+/g) ?? []);
    const tools = writeTools({ folder, pods: podFolder, kubectl, helm, releases });
    const kube = await startCluster(() => tools, podFolder);
    const env: NodeJS.ProcessEnv = {
      ...{ HOME: folder, NO_COLOR: "1", KUBECONFIG: kube.kubeconfig("admin") },
      PATH: `${tools.path}:${process.env.PATH}`,
    };
    const outputs: string[] = [];
    for (const command of commands) {
      const { status, output } = await run(command, env);
      process.stdout.write(`$ ${command}\n${output}`);
      expect([command, status, status === 0 ? "" : output]).toEqual([command, 0, ""]);
      outputs.push(output);
    }
    const [last = ""] = commands.slice(-1);
    let verdict = outputs.at(-1) ?? "";
    await until(
      "the last command prints the verdict",
      async () => {
        verdict = (await run(last, env)).output;
        return /\b(PASS|FAIL)\b/.test(verdict);
      },
      60_000,
    ).catch((cause: Error) => {
      throw new Error(`${cause.message}\n${verdict}`);
    });
    process.stdout.write(`$ ${last}\n${verdict}`);
    expect(verdict).toContain("FAIL");
    expect(outputs.join("\n")).toMatch(/Phase:\s+Succeeded/);
  },
  600_000,
);
