import type { RenderingOptions } from "@umbra/control";
import {
  renderAdsBootstrap,
  renderBootstrap,
  type SourceFile,
  servedNames,
  type Topology,
} from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import { printable, printableLines } from "@umbra/shadow/printable";
import type { Command } from "commander";
import { obtainEnvoy } from "../envoy/find-envoy.ts";
import { firstAnswer } from "../envoy/refused-parts.ts";
import { runEnvoy } from "../envoy/run-envoy.ts";
import { usesSystemAuthorities } from "../envoy/system-authorities.ts";
import { systemCaFile } from "../envoy/system-ca.ts";
import { CommandError, UsageError } from "../errors.ts";
import { commandOf, flagsFor } from "../flags.ts";
import type { Io } from "../io.ts";
import { readUsableResources } from "../kube/read-resources.ts";
import { isReady } from "../process/admin-client.ts";
import { startChild } from "../process/child.ts";
import { type HandOver, sidecarProcess } from "../process/hand-over.ts";
import { type KeptProcess, keepRunning } from "../process/keep-running.ts";
import { createSocketFolder } from "../process/socket-folder.ts";
import { checkReadable } from "../process/usable-file.ts";
import { waitUntil } from "../process/wait-until.ts";
import { authorizationFrom } from "../resources/endpoint-key.ts";
import { type KubeFlags, kubeFlags } from "../resources/kube-flags.ts";
import { canChange } from "../resources/read-files.ts";
import { runFlags, type UpFlags } from "../resources/run-flags.ts";
import { type SidecarTlsFlags, sidecarTlsFlags, sidecarTlsOf } from "../resources/sidecar-flags.ts";
import { type TopologyFlags, topologyFlags } from "../resources/topology-flags.ts";

type Flags = TopologyFlags & KubeFlags & SidecarTlsFlags & UpFlags;

const readyTimeoutMs = 30_000;

/** `umbra up`: runs the sidecar and Envoy in one process tree until SIGINT or SIGTERM. */
export function upCommand(io: Io): Command {
  return commandOf("up", {
    summary: "run Envoy and the sidecar together",
    description:
      "Runs Envoy and the sidecar as child processes, and stops both on exit. Envoy gets its configuration from the sidecar, over a Unix socket in a private folder. Restarts a child that dies, after a delay of up to 10 s. Exits if a child fails within 5 s of its start four times in a row, or if Envoy refuses its first configuration.",
    examples: [
      "umbra up --primary 10.0.0.1:8000,10.0.0.2:8000 --shadow 10.0.1.1:8000 --listener http=8080",
      "umbra up -f examples/mirror --listener http=8080",
      "umbra up --kube --namespace inference",
    ],
    flags: [topologyFlags, kubeFlags, sidecarTlsFlags, runFlags],
  }).action((flags: Flags) => runUp(flags, io));
}

async function runUp(flags: Flags, io: Io): Promise<void> {
  // Reports a wrong key once, before anything starts.
  await authorizationFrom(flags.endpointKeyFile, "--endpoint-key-file");
  const isOfCluster = flags.kube === true;
  if (isOfCluster && flags.static === true) {
    throw new UsageError("give either --static or --kube: a fixed configuration follows nothing");
  }
  const { topology, certificates, files } = await readUsableResources(flags, io, {
    hasOnlyOwnGateways: isOfCluster,
  });
  const { path: binary, origin } = await obtainEnvoy(io);
  io.stderr(`umbra: runs Envoy at ${printable(binary)}, ${origin}\n`);
  // Envoy and the sidecar trust the same CA file.
  const systemCa = systemCaFile(io.env);
  const isSystemCaUsed = usesSystemAuthorities(topology);
  if (isSystemCaUsed) checkReadable(systemCa, "the environment's SSL_CERT_FILE");
  const { sidecar: grpc, grpcTlsCert, envoyAdmin, statsListener } = flags;
  const options = {
    sidecar: grpc,
    ...sidecarTlsOf({ ...flags, ...(grpcTlsCert === undefined ? {} : { sidecarTls: true }) }),
    envoyAdmin,
    systemCaFile: systemCa,
    ...defined({ statsListener }),
  };
  const own = isSystemCaUsed ? { grpc, systemCa } : { grpc };
  const handOver = handOverOf(flags, files, own);
  if (flags.static === true) {
    const bootstrap = renderBootstrap(topology, { ...options, certificates });
    return runBoth({ binary, topology, bootstrap, handOver }, flags, io);
  }
  const folder = createSocketFolder(io.env);
  try {
    const link = linkBy(`unix:${folder.socket}`, topology, options);
    const { bootstrap, envoy } = link;
    const handed = { ...handOver, envoy };
    await runBoth({ binary, topology, bootstrap, handOver: handed }, flags, io);
  } finally {
    folder.remove();
  }
}

/** Envoy starts faster than the sidecar, and then asks again after 100 ms on average. */
const retryWithinMs = 200;

/** Both ends of ADS over a Unix socket. TLS to the sidecar is for the network. */
function linkBy(address: string, topology: Topology, bootstrap: RenderingOptions) {
  const { sidecarTls: _, ...plain } = bootstrap;
  return {
    bootstrap: renderAdsBootstrap(topology, { address, retryWithinMs }, plain),
    envoy: { ads: { address }, bootstrap },
  };
}

interface Started {
  readonly binary: string;
  readonly topology: Topology;
  readonly bootstrap: string;
  readonly handOver: HandOver;
}

async function runBoth(
  { binary, topology, bootstrap, handOver }: Started,
  flags: Flags,
  io: Io,
): Promise<void> {
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
        ...sidecarProcess(handOver),
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

/** What the sidecar gets: flags, and the content that it can't read or that may be broken when it starts again. */
function handOverOf(flags: Flags, files: readonly SourceFile[], own: object): HandOver {
  const texts = files.map(({ name, text }) => ({ name, text: Buffer.from(text).toString() }));
  const once = new Set((flags.file ?? []).filter((path) => !canChange(path)));
  const file = flags.file?.filter((path) => !once.has(path));
  const { statsListener } = flags;
  return {
    flags: {
      ...flagsFor("serve", flags, topologyFlags),
      ...flagsFor("serve", flags, kubeFlags),
      ...flagsFor("serve", flags, runFlags),
      ...{ ...own, ...defined({ file, statsListener }) },
      // An Envoy with a whole bootstrap keeps that, so the sidecar must keep its topology.
      watch: flags.watch && flags.static !== true,
    },
    fixed: texts.filter(({ name }) => once.has(name)),
    earlier: texts.filter(({ name }) => !once.has(name)),
  };
}

/**
 * Reports when everything is ready and waits until the command should end. Throws CommandError if a process can't be
 * kept running, or if Envoy refuses a part of its first configuration.
 */
async function untilEnd(
  processes: readonly KeptProcess[],
  { flags, topology, io }: { flags: Flags; topology: Topology; io: Io },
): Promise<void> {
  const { admin } = flags;
  const stopped = new Promise<"stopped">((resolve) => {
    if (io.signal.aborted) resolve("stopped");
    io.signal.addEventListener("abort", () => resolve("stopped"), { once: true });
  });
  const watching = new AbortController();
  const start = waitUntil(() => startOf(admin, flags.static === true), {
    timeoutMs: readyTimeoutMs,
    signal: watching.signal,
  })
    .then((found) => {
      if (found !== undefined && found.kind === "refused") return { words: found.words };
      const words =
        found === undefined
          ? `not ready after 30 s; for the reason see http://${admin}/readyz`
          : `ready; ${entrances(topology.listeners)}, admin at http://${admin}`;
      io.stderr(`umbra: ${words}\n`);
      return undefined;
    })
    .catch(() => undefined);
  const refused = start.then((end) => {
    // In a cluster, one team's object that Envoy refuses must not end what serves the others.
    if (end !== undefined && flags.kube === true)
      io.stderr(`umbra: ${printableLines(end.words)}\n`);
    return end === undefined || flags.kube === true ? new Promise<never>(() => {}) : end;
  });
  const end = await Promise.race([stopped, refused, ...processes.map(({ gaveUp }) => gaveUp)]);
  watching.abort();
  await start;
  if (end !== "stopped") throw new CommandError(end.words);
}

/** Undefined while something is missing. */
async function startOf(
  admin: string,
  isStatic: boolean,
): Promise<{ readonly kind: "taken" } | { readonly kind: "refused"; words: string } | undefined> {
  const answer = isStatic ? ({ kind: "taken" } as const) : await firstAnswer(admin);
  if (answer.kind === "refused") return answer;
  return answer.kind === "taken" && (await isReady(admin)) ? answer : undefined;
}

function entrances(listeners: Topology["listeners"]): string {
  if (listeners.length === 0) return "no listener yet";
  const entrance = (each: Topology["listeners"][number]) =>
    servedNames(each).map((name) => `${name} on port ${each.port}`);
  return listeners.flatMap(entrance).join(", ");
}
