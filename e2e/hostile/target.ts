import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { post } from "../harness/client.ts";
import { freePorts } from "../harness/ports.ts";
import { startUmbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { type HonestClients, startHonestClients } from "./honest-clients.ts";
import type { Behaviour, BehaviourMessage } from "./hostile-server.ts";
import { processesOf, type UpProcesses } from "./processes-of-up.ts";
import { resources, type TargetOptions } from "./target-resources.ts";

/** `umbra up` with a real Envoy in front of model servers, one of which may turn hostile. */
export interface Target {
  readonly origin: string;
  /** `host:port`. */
  readonly admin: string;
  readonly grpc: string;
  /** Where captures are. */
  readonly captures: string;
  readonly clients: HonestClients;
  /** Read each time: a process that has died is another one then. */
  processes(): UpProcesses;
  /** Changes how the shadow's only endpoint, or the first one of the primary, behaves. */
  behave(who: "shadow" | "endpoint", behaviour: Partial<Behaviour>): void;
  /** All endpoints behave well again. */
  behaveWell(): void;
  metrics(): Promise<string>;
  output(): string;
  stop(): Promise<void>;
}

const server = fileURLToPath(new URL("hostile-server.ts", import.meta.url));
const well: Behaviour = { answer: "well", metrics: "well", models: "served" };

export async function startTarget(options: TargetOptions): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), "umbra-hostile-"));
  const [http, grpcPort, adminPort, envoyAdmin, ...ports] = await freePorts(7);
  const [first = 0, second = 0, shadow = 0] = ports;
  const servers = await Promise.all([startServers([first, second]), startServers([shadow])]);
  const [primaryServers, shadowServers] = servers;
  // A real one has a machine of its own: here it takes the time that nobody else wants.
  setPriority(shadowServers.pid ?? 0, constants.priority.PRIORITY_LOW);
  const file = join(folder, "resources.yaml");
  writeFileSync(file, resources({ ...options, primary: [first, second], shadow: [shadow] }));
  const [grpc, admin] = [`127.0.0.1:${grpcPort}`, `127.0.0.1:${adminPort}`];
  const captures = join(folder, "captures");
  const up = startUmbra(
    ...["up", "-f", file, "--bind", "127.0.0.1", "--listener", `http=${http}`],
    ...["--grpc", grpc, "--admin", admin, "--envoy-admin", `127.0.0.1:${envoyAdmin}`],
    ...["--samples", join(folder, "samples.ndjson")],
    ...["--capture", "samples=100", "--capture-dir", captures],
  );
  const origin = `http://127.0.0.1:${http}`;
  const send = (message: BehaviourMessage) => {
    const child = message.port === shadow ? shadowServers : primaryServers;
    if (child.connected) child.send(message);
  };
  const clients = await startHonestClients(origin);
  const stop = async () => {
    await clients.close();
    await up.stop();
    for (const child of servers) child.kill();
    await Promise.all(servers.map(ended));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until("umbra up is ready", () => up.output().includes("umbra: ready"), 120_000);
    const isServed = async () => (await post(origin, '{"model":"m"}')).status === 200;
    await until("a client is served", isServed, 20_000);
  } catch (cause) {
    const output = up.output().slice(-2_000);
    await stop();
    throw new Error(`the gateway did not start: ${output}`, { cause });
  }
  return {
    ...{ origin, admin, grpc, captures, clients, stop },
    processes: () => processesOf(up.process.pid ?? 0) ?? { sidecar: 0, envoy: 0 },
    behave: (who, behaviour) => send({ port: who === "shadow" ? shadow : first, ...behaviour }),
    behaveWell() {
      for (const port of ports) send({ port, ...well });
    },
    async metrics() {
      const { body } = await request(`http://${admin}/metrics`, {
        signal: AbortSignal.timeout(20_000),
      });
      return await body.text();
    },
    output: up.output,
  };
}

/** One process: what one of them does holds up the others of it. */
async function startServers(ports: readonly number[]): Promise<ChildProcess> {
  const child = fork(server, ports.map(String), { execArgv: ["--conditions=@umbra/source"] });
  await once(child, "message");
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
