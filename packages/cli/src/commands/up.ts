import { defaultBootstrapOptions, renderBootstrap } from "@umbra/envoy-config";
import { printable, printableLines } from "@umbra/shadow/printable";
import { Command } from "commander";
import { findEnvoy } from "../envoy/find-envoy.ts";
import { runEnvoy } from "../envoy/run-envoy.ts";
import { usesSystemAuthorities } from "../envoy/system-authorities.ts";
import { systemCaFile } from "../envoy/system-ca.ts";
import { CommandError } from "../errors.ts";
import { wholeNumberOf } from "../flag-shapes.ts";
import type { Io } from "../io.ts";
import { isReady } from "../process/admin-client.ts";
import { startChild } from "../process/child.ts";
import { keepRunning } from "../process/keep-running.ts";
import { ownCommand } from "../process/own-command.ts";
import { sharedSources } from "../process/shared-sources.ts";
import { checkReadable, checkWritable } from "../process/usable-file.ts";
import { waitUntil } from "../process/wait-until.ts";
import { endpointAuthorization, endpointKeyHelp } from "../resources/endpoint-key.ts";
import { captureCount, hostPort, numberOf } from "../resources/host-port.ts";
import {
  type SidecarTlsFlags,
  sidecarAddress,
  sidecarTlsOf,
  withSidecarTlsFlags,
} from "../resources/sidecar-flags.ts";
import {
  soundReadOf,
  type TopologyFlags,
  topologyArguments,
  withTopologyFlags,
} from "../resources/topology-flags.ts";

interface UpFlags extends TopologyFlags, SidecarTlsFlags {
  readonly sidecar: string;
  readonly grpcTlsCert?: string;
  readonly grpcTlsKey?: string;
  readonly grpcClientCa?: string;
  readonly admin: string;
  readonly envoyAdmin: string;
  readonly endpointKeyFile?: string;
  readonly concurrency: number;
  readonly accessLog: boolean;
  readonly restart: boolean;
  readonly statsListener?: string;
  readonly samples?: string;
  readonly compatMetrics: boolean;
  readonly traces: boolean;
  readonly adminTokenFile?: string;
  readonly capture?: number;
  readonly captureDir: string;
  readonly captureRetention: number;
}

const readyTimeoutMs = 30_000;

/** `umbra up`: sidecar and Envoy in one process tree, until SIGINT or SIGTERM. */
export function upCommand(io: Io): Command {
  const command = new Command("up").summary("run Envoy and the sidecar together");
  return withSidecarTlsFlags(withTopologyFlags(command, { isDirectAllowed: true }))
    .description(
      "Renders the bootstrap, runs Envoy and the sidecar as children, and ends both when it ends. A child that dies is started again, after a pause that grows to 10 s; one that ends four times in a row within 5 s of its start ends umbra up too.",
    )
    .option(
      "--grpc, --sidecar <address>",
      "where the sidecar serves Envoy: host:port or unix:/path",
      defaultBootstrapOptions.sidecar,
    )
    .option("--grpc-tls-cert <file>", "the sidecar serves Envoy over TLS with this PEM certificate")
    .option("--grpc-tls-key <file>", "and its PEM key")
    .option("--grpc-client-ca <file>", "and takes only a certificate of this PEM authority")
    .option("--admin <host:port>", "the sidecar's admin interface", "127.0.0.1:9090")
    .option(
      "--envoy-admin <host:port>",
      "Envoy's admin interface",
      defaultBootstrapOptions.envoyAdmin,
    )
    .option("--endpoint-key-file <file>", endpointKeyHelp)
    .option(
      "--concurrency <threads>",
      "Envoy's worker threads",
      wholeNumberOf("--concurrency", { min: 1, max: 256 }),
      2,
    )
    .option(
      "--stats-listener <host:port>",
      "where Envoy answers GET /stats/prometheus, and nothing else",
    )
    .option(
      "--samples <file>",
      "append every measured request to this NDJSON file: numbers and hashes",
    )
    .option(
      "--capture <samples=count>",
      "keep so many redacted pairs of prompts and answers on disk; without it no text is kept",
      captureCount,
    )
    .option(
      "--capture-dir <folder>",
      "where they are kept, readable by you alone",
      "umbra-captures",
    )
    .option(
      "--capture-retention <days>",
      "how long they are kept",
      numberOf("--capture-retention", { min: 0.01, max: 30 }),
      7,
    )
    .option(
      "--admin-token-file <file>",
      "take changing admin calls from anywhere, with this file's token; else from loopback only",
    )
    .option(
      "--compat-metrics",
      "metrics also under the reference endpoint picker's names, llm_d_epp_…",
      false,
    )
    .option(
      "--traces",
      "OpenTelemetry spans of each request; load an SDK with NODE_OPTIONS=--import=FILE",
      false,
    )
    .option("--no-restart", "end when Envoy or the sidecar dies, in place of starting it again")
    .option("--no-access-log", "leave Envoy's access log out of standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  $ umbra up --primary 10.0.0.1:8000,10.0.0.2:8000 --shadow 10.0.1.1:8000 --listener http=8080\n  $ umbra up -f examples/mirror --listener http=8080",
    )
    .action(async (flags: UpFlags) => {
      hostPort(flags.admin, "--admin");
      hostPort(flags.envoyAdmin, "--envoy-admin");
      const address = sidecarAddress(flags.sidecar, "--sidecar");
      const { grpcTlsCert, grpcTlsKey, grpcClientCa, statsListener } = flags;
      if (statsListener !== undefined) hostPort(statsListener, "--stats-listener");
      checkReadable("--grpc-tls-cert", grpcTlsCert);
      checkReadable("--grpc-tls-key", grpcTlsKey);
      checkReadable("--grpc-client-ca", grpcClientCa);
      checkReadable("--admin-token-file", flags.adminTokenFile);
      checkWritable("--samples", flags.samples);
      await endpointAuthorization(flags.endpointKeyFile);
      const isTls = grpcTlsCert !== undefined;
      const { input, io: reading, ...sources } = sharedSources(flags.file, io);
      const resources = { ...flags, ...sources };
      const { topology, certificates } = soundReadOf(resources, reading);
      const binary = findEnvoy(io.env);
      // Both trust the same file.
      const systemCa = systemCaFile(io.env);
      const isSystemCaUsed = usesSystemAuthorities(topology);
      if (isSystemCaUsed) checkReadable("the environment's SSL_CERT_FILE", systemCa);
      const bootstrap = renderBootstrap(topology, {
        sidecar: address,
        ...sidecarTlsOf({ ...flags, ...(isTls ? { sidecarTls: true } : {}) }),
        envoyAdmin: flags.envoyAdmin,
        certificates,
        systemCaFile: systemCa,
        ...(statsListener === undefined ? {} : { statsListener }),
      });
      const files = [
        ...(flags.samples === undefined ? [] : ["--samples", flags.samples]),
        ...(flags.capture === undefined
          ? []
          : [
              ...["--capture", `samples=${flags.capture}`, "--capture-dir", flags.captureDir],
              ...["--capture-retention", String(flags.captureRetention)],
            ]),
        ...(flags.adminTokenFile === undefined ? [] : ["--admin-token-file", flags.adminTokenFile]),
        ...(flags.endpointKeyFile === undefined
          ? []
          : ["--endpoint-key-file", flags.endpointKeyFile]),
        ...(isSystemCaUsed ? ["--system-ca", systemCa] : []),
        ...(flags.compatMetrics ? ["--compat-metrics"] : []),
        ...(flags.traces ? ["--traces"] : []),
      ];
      const own = [
        ...["--grpc", address, "--admin", flags.admin, "--envoy-admin", flags.envoyAdmin],
        ...(grpcTlsCert === undefined ? [] : ["--grpc-tls-cert", grpcTlsCert]),
        ...(grpcTlsKey === undefined ? [] : ["--grpc-tls-key", grpcTlsKey]),
        ...(grpcClientCa === undefined ? [] : ["--grpc-client-ca", grpcClientCa]),
      ];
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
            ...ownCommand(["serve", ...topologyArguments(resources), ...own, ...files]),
            ...(input === undefined ? {} : { input: input() }),
            onLine: (line) => io.stderr(`${printable(line)}\n`),
          }),
      });
      const envoy = keepRunning({
        ...kept,
        name: "Envoy",
        // Whoever asks Envoy itself to end wants no other.
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
      const stopped = new Promise<"stopped">((resolve) => {
        if (io.signal.aborted) resolve("stopped");
        io.signal.addEventListener("abort", () => resolve("stopped"), { once: true });
      });
      try {
        const watching = new AbortController();
        const ready = waitUntil(() => isReady(flags.admin), {
          timeoutMs: readyTimeoutMs,
          signal: watching.signal,
        })
          .then((isUp) => {
            if (isUp === true)
              io.stderr(
                `umbra: ready; ${entrances(topology.listeners)}, admin at http://${flags.admin}\n`,
              );
            else io.stderr(`umbra: not ready after 30 s; see http://${flags.admin}/readyz\n`);
          })
          .catch(() => undefined);
        const end = await Promise.race([stopped, envoy.gaveUp, sidecar.gaveUp]);
        watching.abort();
        await ready;
        if (end !== "stopped") throw new CommandError(end.words);
      } finally {
        await Promise.all([envoy.stop(), sidecar.stop()]);
      }
    });
}

function entrances(listeners: readonly { readonly name: string; readonly port: number }[]): string {
  return listeners.map(({ name, port }) => `${name} on port ${port}`).join(", ");
}
