import { renderBootstrap, type Topology } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import { printable, printableLines } from "@umbra/shadow/printable";
import type { Command } from "commander";
import { obtainEnvoy } from "../envoy/find-envoy.ts";
import { runEnvoy } from "../envoy/run-envoy.ts";
import { usesSystemAuthorities } from "../envoy/system-authorities.ts";
import { systemCaFile } from "../envoy/system-ca.ts";
import { CommandError } from "../errors.ts";
import { commandOf, flagsFor } from "../flags.ts";
import type { Io } from "../io.ts";
import { isReady } from "../process/admin-client.ts";
import { startChild } from "../process/child.ts";
import { sidecarProcess } from "../process/hand-over.ts";
import { type KeptProcess, keepRunning } from "../process/keep-running.ts";
import { checkReadable } from "../process/usable-file.ts";
import { waitUntil } from "../process/wait-until.ts";
import { authorizationFrom } from "../resources/endpoint-key.ts";
import { runFlags, type UpFlags } from "../resources/run-flags.ts";
import { type SidecarTlsFlags, sidecarTlsFlags, sidecarTlsOf } from "../resources/sidecar-flags.ts";
import { soundReadOf, type TopologyFlags, topologyFlags } from "../resources/topology-flags.ts";

type Flags = TopologyFlags & SidecarTlsFlags & UpFlags;

const readyTimeoutMs = 30_000;

/** `umbra up`: runs the sidecar and Envoy in one process tree until SIGINT or SIGTERM. */
export function upCommand(io: Io): Command {
  return commandOf("up", {
    summary: "run Envoy and the sidecar together",
    description:
      "Renders the bootstrap, runs Envoy and the sidecar as child processes, and stops both on exit. Restarts a child that dies, after a delay of up to 10 s. Exits if a child fails within 5 s of its start four times in a row.",
    examples: [
      "umbra up --primary 10.0.0.1:8000,10.0.0.2:8000 --shadow 10.0.1.1:8000 --listener http=8080",
      "umbra up -f examples/mirror --listener http=8080",
    ],
    flags: [topologyFlags, sidecarTlsFlags, runFlags],
  }).action((flags: Flags) => runUp(flags, io));
}

async function runUp(flags: Flags, io: Io): Promise<void> {
  // Reports a wrong key once, before anything starts.
  await authorizationFrom(flags.endpointKeyFile, "--endpoint-key-file");
  const { topology, certificates } = soundReadOf(flags, io);
  const { path: binary, origin } = await obtainEnvoy(io);
  io.stderr(`umbra: runs Envoy at ${printable(binary)}, ${origin}\n`);
  // Envoy and the sidecar trust the same CA file.
  const systemCa = systemCaFile(io.env);
  const isSystemCaUsed = usesSystemAuthorities(topology);
  if (isSystemCaUsed) checkReadable(systemCa, "the environment's SSL_CERT_FILE");
  const { sidecar: grpc, grpcTlsCert, envoyAdmin, statsListener } = flags;
  const bootstrap = renderBootstrap(topology, {
    sidecar: grpc,
    ...sidecarTlsOf({ ...flags, ...(grpcTlsCert === undefined ? {} : { sidecarTls: true }) }),
    envoyAdmin,
    certificates,
    systemCaFile: systemCa,
    ...defined({ statsListener }),
  });
  const own = isSystemCaUsed ? { grpc, systemCa } : { grpc };
  const handedOver = { topology, flags: { ...flagsFor("serve", flags, runFlags), ...own } };
  const kept = {
    say: (words: string) => io.stderr(`umbra: ${printableLines(words)}\n`),
    isRestarted: flags.restart,
    signal: io.signal,
  };
  const sidecar = keepRunning({
    ...kept,
    name: "the sidecar",
    start: () =>
      startChild({
        ...sidecarProcess(handedOver),
        onLine: (line) => io.stderr(`${printable(line)}\n`),
      }),
  });
  const envoy = keepRunning({
    ...kept,
    name: "Envoy",
    // If someone asked Envoy to exit, don't restart it.
    mayEndCleanly: true,
    start: () =>
      runEnvoy({
        binary,
        bootstrap,
        concurrency: flags.concurrency,
        onLine: (line, from) => {
          if (from === "stderr") io.stderr(`${printable(line)}\n`);
          else if (flags.accessLog) io.stdout(`${printable(line)}\n`);
        },
      }),
  });
  try {
    await untilEnd([envoy, sidecar], { flags, topology, io });
  } finally {
    await Promise.all([envoy.stop(), sidecar.stop()]);
  }
}

/** Reports when everything is ready and waits until the command should end. Throws CommandError if a process can't be kept running. */
async function untilEnd(
  processes: readonly KeptProcess[],
  { flags: { admin }, topology, io }: { flags: UpFlags; topology: Topology; io: Io },
): Promise<void> {
  const stopped = new Promise<"stopped">((resolve) => {
    if (io.signal.aborted) resolve("stopped");
    io.signal.addEventListener("abort", () => resolve("stopped"), { once: true });
  });
  const watching = new AbortController();
  const ready = waitUntil(() => isReady(admin), {
    timeoutMs: readyTimeoutMs,
    signal: watching.signal,
  })
    .then((isUp) => {
      const words =
        isUp === true
          ? `ready; ${entrances(topology.listeners)}, admin at http://${admin}`
          : `not ready after 30 s; for the reason see http://${admin}/readyz`;
      io.stderr(`umbra: ${words}\n`);
    })
    .catch(() => undefined);
  const end = await Promise.race([stopped, ...processes.map(({ gaveUp }) => gaveUp)]);
  watching.abort();
  await ready;
  if (end !== "stopped") throw new CommandError(end.words);
}

function entrances(listeners: readonly { readonly name: string; readonly port: number }[]): string {
  return listeners.map(({ name, port }) => `${name} on port ${port}`).join(", ");
}
