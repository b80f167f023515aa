import type { ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import type { ApiClient } from "@umbra/kubernetes";
import { until } from "../harness/until.ts";
import type { NodePod } from "./node-stand-in.ts";
import type { PodNamespace, PodNetwork } from "./pod-network.ts";
import type { Container, EnvVar, Pod, SecretVolume } from "./workloads.ts";

/** What runs for a container, in place of its image. */
export interface PodProgram {
  /** Part of the image's name. */
  readonly image: string;
  /** Each with its arguments. */
  readonly commands: (container: Container) => readonly (readonly string[])[];
  /** Where it listens when it is ready. */
  readonly port: (container: Container) => number;
}

export interface RunningPodOptions {
  readonly client: ApiClient;
  readonly network: PodNetwork;
  readonly folder: string;
  /** How programs in pods reach the API server. */
  readonly kubeconfig: string;
  readonly programs: readonly PodProgram[];
}

const maxLogChars = 1_000_000;

/** One pod's programs in one network namespace. */
export class RunningPod implements NodePod {
  readonly uid: string;
  readonly #pod: Pod;
  readonly #options: RunningPodOptions;
  readonly #children: ChildProcess[] = [];
  readonly #logs = new Map<string, string>();
  #namespace: PodNamespace | undefined;
  #isStopped = false;

  constructor(pod: Pod, options: RunningPodOptions) {
    this.#pod = pod;
    this.#options = options;
    this.uid = pod.metadata.uid;
  }

  /** Starts it, and returns its address once each container listens. A pod of unknown images has the node's address. */
  async start(): Promise<string> {
    const known = this.#pod.spec.containers.flatMap((container) => {
      const program = this.#options.programs.find(({ image }) => container.image.includes(image));
      return program === undefined ? [] : [{ container, program }];
    });
    if (known.length === 0) return this.#options.network.nodeAddress;
    const namespace = await this.#options.network.open();
    this.#namespace = namespace;
    const { address } = namespace;
    for (const { container, program } of known) {
      if (this.#isStopped) break;
      await this.#startContainer(container, program, namespace);
    }
    if (this.#isStopped) this.stop();
    for (const { container, program } of known) {
      const port = program.port(container);
      const what = `${this.#pod.metadata.name} listens on ${port}`;
      await until(what, async () => this.#isStopped || (await isListening(address, port)), 60_000);
    }
    return address;
  }

  stop(): void {
    this.#isStopped = true;
    for (const child of this.#children.splice(0)) child.kill("SIGKILL");
    this.#namespace?.close();
  }

  log(container: string): string {
    return this.#logs.get(container) ?? "";
  }

  async #startContainer(
    container: Container,
    program: PodProgram,
    namespace: PodNamespace,
  ): Promise<void> {
    const folders = await this.#secretFolders(container);
    const { kubeconfig } = this.#options;
    const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, KUBECONFIG: kubeconfig };
    for (const variable of container.env ?? [])
      env[variable.name] = moved(this.#valueOf(variable, namespace.address), folders);
    for (const [command = "", ...args] of program.commands(container)) {
      const child = namespace.spawn(command, args, env);
      this.#children.push(child);
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding("utf8").on("data", (text: string) => {
          this.#logs.set(container.name, (this.log(container.name) + text).slice(-maxLogChars));
        });
    }
  }

  #valueOf({ value, valueFrom }: EnvVar, address: string): string | undefined {
    const { name, namespace } = this.#pod.metadata;
    switch (valueFrom?.fieldRef?.fieldPath) {
      case "metadata.name":
        return name;
      case "metadata.namespace":
        return namespace;
      case "status.podIP":
        return address;
      default:
        return value;
    }
  }

  /** Folders with the files of Secrets, by where the container expects them. */
  async #secretFolders(container: Container): Promise<ReadonlyMap<string, string>> {
    const folders = new Map<string, string>();
    for (const { name, mountPath } of container.volumeMounts ?? []) {
      const secret = this.#pod.spec.volumes?.find((volume) => volume.name === name)?.secret;
      if (secret === undefined) continue;
      const folder = join(this.#options.folder, "secrets", this.uid, name);
      await this.#writeSecret(secret, folder);
      folders.set(mountPath, folder);
    }
    return folders;
  }

  async #writeSecret({ secretName, items }: SecretVolume, folder: string): Promise<void> {
    const path = `/api/v1/namespaces/${this.#pod.metadata.namespace}/secrets/${secretName}`;
    let data: Readonly<Record<string, string>> = {};
    const isThere = async (): Promise<boolean> => {
      try {
        const secret = await this.#options.client.request({ method: "GET", path });
        data = secret.data as unknown as typeof data;
        return true;
      } catch {
        // The suite writes it after the pod.
        return false;
      }
    };
    await until(`Secret ${secretName} is there`, isThere, 60_000);
    for (const { key, path } of items ?? Object.keys(data).map((key) => ({ key, path: key }))) {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, Buffer.from(data[key] ?? "", "base64"), { mode: 0o600 });
    }
  }
}

/** A path below a mounted folder, where that folder really is. */
function moved(
  value: string | undefined,
  folders: ReadonlyMap<string, string>,
): string | undefined {
  for (const [mountPath, folder] of folders) {
    if (value?.startsWith(`${mountPath}/`)) return folder + value.slice(mountPath.length);
  }
  return value;
}

function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const settle = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
    socket.once("timeout", () => settle(false));
  });
}
