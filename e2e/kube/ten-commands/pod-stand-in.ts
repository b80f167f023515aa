import type { ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { request } from "undici";
import type { NodePod } from "../../conformance/node-stand-in.ts";
import type { PodNamespace, PodNetwork } from "../../conformance/pod-network.ts";
import type { Container, Pod, Probe } from "../../conformance/workloads.ts";
import { until } from "../../harness/until.ts";
import { type PodVolumesOptions, writeVolumes } from "./pod-volumes.ts";

export interface PodStandInOptions extends PodVolumesOptions {
  readonly network: PodNetwork;
  /** How pods reach the API server, as the variables that Kubernetes sets. */
  readonly apiServer: Readonly<
    Record<"KUBERNETES_SERVICE_HOST" | "KUBERNETES_SERVICE_PORT", string>
  >;
  /** The program that runs for a container, with its arguments; throws for an unknown image. */
  readonly commandOf: (container: Container, pod: Pod) => readonly string[];
}

const maxLogChars = 1_000_000;

/** Where `port-forward` finds a process in the network of a pod. */
export function pidFile(folder: string, namespace: string, pod: string): string {
  return join(folder, "pids", `${namespace}.${pod}`);
}

/**
 * Stands in for the kubelet's and the container runtime's part of one pod: its containers are processes of this machine
 * in a network of the pod, in the order of Kubernetes, with the pod's volumes where the containers expect them. There
 * are no images, no limits, no users and no restarts, and a probe that has succeeded is not asked again.
 */
export class PodStandIn implements NodePod {
  readonly uid: string;
  readonly ended?: Promise<boolean>;
  readonly #pod: Pod;
  readonly #options: PodStandInOptions;
  readonly #children: ChildProcess[] = [];
  readonly #logs = new Map<string, string>();
  #namespace: PodNamespace | undefined;
  #isStopped = false;
  #onEnd: (isSuccess: boolean) => void = () => {};

  constructor(pod: Pod, options: PodStandInOptions) {
    this.#pod = pod;
    this.#options = options;
    this.uid = pod.metadata.uid;
    if (pod.spec.restartPolicy !== "Never") return;
    this.ended = new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }

  async start(): Promise<string> {
    const { network, folder } = this.#options;
    const { metadata, spec } = this.#pod;
    const namespace = await network.open();
    this.#namespace = namespace;
    mkdirSync(join(folder, "pids"), { recursive: true });
    writeFileSync(pidFile(folder, metadata.namespace, metadata.name), String(namespace.pid));
    const volumes = await writeVolumes(this.#pod, this.#options);
    const hosts = await this.#writeHosts();
    const all = [...(spec.initContainers ?? []), ...spec.containers];
    for (const container of all) {
      if (this.#isStopped) break;
      this.#startContainer(container, {
        namespace,
        mounts: [...mountsOf(container, volumes), hosts],
      });
      await this.#untilTrue(container, container.startupProbe);
    }
    for (const container of all) await this.#untilTrue(container, container.readinessProbe);
    if (this.#isStopped) this.stop();
    return namespace.address;
  }

  stop(): void {
    this.#isStopped = true;
    for (const child of this.#children.splice(0)) child.kill("SIGKILL");
    this.#namespace?.close();
  }

  log(container: string): string {
    return this.#logs.get(container) ?? "";
  }

  #startContainer(container: Container, place: ContainerPlace): void {
    const [command = "", ...args] = this.#options.commandOf(container, this.#pod);
    const inMounts = ["--mount", "--propagation", "private", "sh", "-ec", mountScript, "sh"];
    const mounts = place.mounts.flat();
    const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, ...this.#options.apiServer };
    for (const { name, value } of container.env ?? []) env[name] = value;
    const child = place.namespace.spawn(
      "unshare",
      [...inMounts, String(place.mounts.length), ...mounts, command, ...args],
      env,
    );
    this.#children.push(child);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#logs.set(container.name, (this.log(container.name) + text).slice(-maxLogChars));
      });
    child.once("close", (status) => this.#onEnd(status === 0));
  }

  /** A probe is asked once a second, as the chart's are. */
  async #untilTrue({ name, ports = [] }: Container, probe: Probe | undefined): Promise<void> {
    const { port, path = "/" } = probe?.httpGet ?? {};
    if (port === undefined) return;
    const number =
      typeof port === "number" ? port : ports.find((each) => each.name === port)?.containerPort;
    const url = `http://${this.#namespace?.address}:${number}${path}`;
    const succeeds = async (): Promise<boolean> => {
      if (this.#isStopped) return true;
      const { statusCode, body } = await request(url);
      await body.dump();
      return statusCode === 200;
    };
    const what = `${this.#pod.metadata.name}'s container ${name} answers 200 at ${url}`;
    await until(what, succeeds, 90_000).catch((cause: Error) => {
      throw new Error(`${cause.message}\n${this.log(name).slice(-3_000)}`);
    });
  }

  /** In place of the cluster's DNS: the names of the Services of its namespace, as they are when the pod starts. */
  async #writeHosts(): Promise<Mount> {
    const { client, folder } = this.#options;
    const { namespace, uid } = this.#pod.metadata;
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
    const { items } = (await client.request({ method: "GET", path })) as unknown as {
      readonly items: readonly EndpointSlice[];
    };
    const lines = items.flatMap(({ metadata, endpoints }) => {
      const service = metadata.labels?.["kubernetes.io/service-name"];
      const addresses = (endpoints ?? []).flatMap((endpoint) => endpoint.addresses);
      return addresses.map((address) => `${address} ${service}.${namespace}.svc\n`);
    });
    const file = join(folder, uid, "hosts");
    mkdirSync(join(folder, uid), { recursive: true });
    writeFileSync(file, `127.0.0.1 localhost\n${lines.join("")}`);
    return [file, "/etc/hosts"];
  }
}

type Mount = readonly [from: string, at: string];

interface ContainerPlace {
  readonly namespace: PodNamespace;
  readonly mounts: readonly Mount[];
}

interface EndpointSlice {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly endpoints?: readonly { readonly addresses: readonly string[] }[] | null;
}

/** Folders for mounts that this machine does not have are made in memory, for this container only. */
const mountScript = `
mount -t tmpfs none /run
mkdir /run/.etc /run/.work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/.etc,workdir=/run/.work /etc
count=$1
shift
while [ "$count" -gt 0 ]; do
  [ -e "$2" ] || mkdir -p "$2"
  mount --bind "$1" "$2"
  shift 2
  count=$((count - 1))
done
exec "$@"
`;

function mountsOf({ volumeMounts = [] }: Container, volumes: ReadonlyMap<string, string>): Mount[] {
  return volumeMounts.map(({ name, mountPath }) => [volumes.get(name) ?? "", mountPath]);
}
