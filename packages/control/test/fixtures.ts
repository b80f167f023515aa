import { EventEmitter } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach } from "@jest/globals";
import {
  type ConfigurationSource,
  type ConfigurationSourceOptions,
  type ConfigurationUpdate,
  startConfiguration,
} from "@umbra/control";
import { type StartWorker, startFollowing, type ToWorker } from "@umbra/control/internal";

const made: string[] = [];
const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function closeAfter(close: () => Promise<void> | void): void {
  closers.push(close);
}

/** Starts real threads, and keeps them so that a test can end them. */
export function keepWorkers() {
  const workers: Worker[] = [];
  const startWorker: StartWorker = (setup) => {
    const worker = new Worker(new URL("../src/thread/worker.ts", import.meta.url), {
      workerData: setup,
      execArgv: ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"],
    });
    workers.push(worker);
    return worker;
  };
  return { workers, startWorker };
}

/** A new folder, which is removed after the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "umbra-control-"));
  made.push(folder);
  return folder;
}

/** Writes a file as careful programs do: another file takes its place. */
export function replaceFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

/** Puts a folder's files behind a `..data` link, as the kubelet does, and swaps the link. */
export function mountConfigMap(
  folder: string,
  version: number,
  files: Record<string, string>,
): void {
  const data = join(folder, `..version_${version}`);
  mkdirSync(data, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(data, name), text);
  symlinkSync(`..version_${version}`, join(folder, "..data_tmp"));
  renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  if (version > 1) {
    rmSync(join(folder, `..version_${version - 1}`), { recursive: true });
    return;
  }
  for (const name of Object.keys(files)) symlinkSync(`..data/${name}`, join(folder, name));
}

/** Waits until `find` gives something. Fails after 30 s. */
export async function eventually<T>(find: () => T | undefined): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error("did not happen within 30 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const gateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw }
spec:
  gatewayClassName: umbra
  listeners: [{ name: http, protocol: HTTP, port: 8080 }]
`;

export function pool(endpoints: readonly string[], name = "llama"): string {
  return `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata:
  name: ${name}
  annotations: { umbra.dev/endpoints: "${endpoints.join(",")}" }
spec:
  selector: { matchLabels: { app: ${name} } }
  targetPorts: [{ number: 8000 }]
  endpointPickerRef: { name: umbra, port: { number: 9002 } }
`;
}

/** A pool with a Pod for each address. */
export function pods(states: Readonly<Record<string, "ready" | "leaving">>): string {
  const each = Object.entries(states).map(
    ([address, state], at) => `
apiVersion: v1
kind: Pod
metadata:
  name: llama-${at}
  labels: { app: llama }
${state === "leaving" ? '  deletionTimestamp: "2026-01-01T00:00:00Z"\n' : ""}spec: { containers: [{ name: vllm }] }
status:
  podIP: ${address}
  conditions: [{ type: Ready, status: "True" }]
`,
  );
  const named = pool([]).replace(/^ {2}annotations.*\n/m, "");
  return [named, ...each].join("---");
}

export function route({ name = "chat", path = "/v1", pool: to = "llama", rest = "" } = {}): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name} }
spec:
  parentRefs: [{ name: gw }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: ${path} } }]
      backendRefs: [{ group: inference.networking.k8s.io, kind: InferencePool, name: ${to} }]
${rest}`;
}

/** Three files that serve something. */
export function writeResources(folder: string): void {
  writeFileSync(join(folder, "gateway.yaml"), gateway);
  writeFileSync(join(folder, "pool.yaml"), pool(["10.0.0.1:8000"]));
  writeFileSync(join(folder, "route.yaml"), route());
}

export interface Started {
  readonly source: ConfigurationSource;
  readonly first: ConfigurationUpdate;
  /** All updates after the first. */
  readonly updates: readonly ConfigurationUpdate[];
  readonly problems: readonly string[];
  /** Waits for an update. */
  readonly until: (is: (update: ConfigurationUpdate) => boolean) => Promise<ConfigurationUpdate>;
}

/** Does a worker's work in this thread, as a thread of its own takes a second to start. Messages are copied all the same. */
const inThisThread: StartWorker = (setup) => {
  const worker = new EventEmitter();
  const send = (message: unknown) =>
    setImmediate(() => worker.emit("message", structuredClone(message)));
  const following = startFollowing(structuredClone(setup), send);
  const end = () => {
    following.close();
    worker.emit("exit", 0);
    return Promise.resolve(0);
  };
  const postMessage = (message: ToWorker) => {
    if (message.kind === "close") void end();
    else if (message.kind === "refused") following.refused(message.refusal);
    else if (message.kind === "accepted") following.accepted(message.generation);
    else if (message.kind === "tried") following.tried(message.version);
    else if (message.kind === "objects") following.take(structuredClone(message.changes));
    else if (message.kind === "synced") following.synced();
    else if (message.kind === "serves") following.serves(structuredClone(message.served));
    else following.rescan();
  };
  return Object.assign(worker, {
    postMessage,
    terminate: end,
  }) as unknown as ReturnType<StartWorker>;
};

type StartOptions = Partial<ConfigurationSourceOptions> & {
  readonly startWorker?: StartWorker;
  /** False: nothing is rendered for Envoy. */
  readonly isRendered?: boolean;
};

export async function start(
  paths: readonly string[],
  options: StartOptions = {},
): Promise<Started> {
  const started = follow(paths, options);
  return { ...started, first: await started.source.first };
}

/** Like `start`, without waiting for the first configuration. */
export function follow(
  paths: readonly string[],
  options: StartOptions = {},
): Omit<Started, "first"> {
  const updates: ConfigurationUpdate[] = [];
  const problems: string[] = [];
  const { startWorker = inThisThread, isRendered = true, ...given } = options;
  const source = startConfiguration(
    {
      paths,
      ...(isRendered ? { rendering: {} } : {}),
      isWatched: true,
      onChange: (update) => void updates.push(update),
      onProblem: (words) => void problems.push(words),
      ...given,
    },
    { startWorker },
  );
  closeAfter(() => source.close());
  const until: Started["until"] = (is) => eventually(() => updates.find(is));
  return { source, updates, problems, until };
}
