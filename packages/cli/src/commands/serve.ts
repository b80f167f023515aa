import { once } from "node:events";
import type { Topology } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import { printableLines } from "@umbra/shadow/printable";
import { type CertificateSource, type Sidecar, startSidecar } from "@umbra/sidecar";
import type { Command } from "commander";
import pino from "pino";
import { encodeResources } from "../envoy/encode-resources.ts";
import { withSystemAuthorities } from "../envoy/system-authorities.ts";
import { systemCaFile } from "../envoy/system-ca.ts";
import { CommandError, UsageError } from "../errors.ts";
import { hostPort } from "../flag-values.ts";
import { commandOf } from "../flags.ts";
import type { Io } from "../io.ts";
import { containFaults } from "../process/contain-faults.ts";
import {
  type EnvoySource,
  type HandOver,
  type HandOverFlag,
  handOverOption,
  readHandOver,
} from "../process/hand-over.ts";
import { readToken } from "../process/token.ts";
import { type AdsFlags, adsAddressOf, adsBootstrapOf, adsFlags } from "../resources/ads-flags.ts";
import { type GatewayFlags, gatewayFlags, gatewayOptions } from "../resources/gateway-flags.ts";
import { runFlags, type ServeFlags } from "../resources/run-flags.ts";
import { type SidecarTlsFlags, sidecarTlsFlags } from "../resources/sidecar-flags.ts";
import { soundReadOf, type TopologyFlags, topologyFlags } from "../resources/topology-flags.ts";

type Flags = TopologyFlags & GatewayFlags & ServeFlags & AdsFlags & SidecarTlsFlags;

/** `umbra serve`: runs the sidecar until SIGINT or SIGTERM. */
export function serveCommand(io: Io): Command {
  return commandOf("serve", {
    summary: "run the sidecar",
    description:
      "Runs the sidecar. It picks endpoints for Envoy over ext_proc, scrapes their metrics, and records both lanes.",
    examples: [
      "umbra serve -f examples/mirror --grpc 127.0.0.1:9002 --admin 127.0.0.1:9090",
      "umbra serve -f pool.yaml --pool llama --grpc 0.0.0.0:9002 --grpc-tls self-signed\n" +
        "    the second example serves a third-party gateway: see docs/gateways.md",
      "umbra serve -f examples/mirror --ads unix:/run/umbra/ads.sock",
    ],
    flags: [topologyFlags, gatewayFlags, runFlags, adsFlags, sidecarTlsFlags],
  })
    .addOption(handOverOption())
    .action(async (flags: Flags & HandOverFlag) => {
      if (flags.handedOver !== true) return runSidecar(read(flags, io), flags, io);
      const handed = await readHandOver(io);
      return runSidecar(handed, { ...flags, ...handed.flags }, io);
    });
}

type Resources = Pick<HandOver, "topology" | "envoy">;

function read(flags: Flags, io: Io): Resources {
  const { ads } = adsAddressOf(flags);
  const { topology, certificates } = soundReadOf(flags, io, { isGatewayNeeded: ads !== undefined });
  if (ads === undefined) return { topology };
  const systemCa = flags.systemCa ?? systemCaFile(io.env);
  const bootstrap = { ...adsBootstrapOf(flags), certificates, systemCaFile: systemCa };
  return { topology, envoy: { ads, bootstrap } };
}

async function runSidecar({ topology: given, envoy }: Resources, flags: Flags, io: Io) {
  const topology = withSystemAuthorities(given, flags.systemCa, io);
  const out = pino.destination(2);
  // Log lines quote text from clients and model servers. Pino's JSON escapes only some terminal control characters.
  const log = pino(
    { level: flags.logLevel, base: null },
    { write: (line: string) => out.write(printableLines(line)) },
  );
  const sidecar = await startSidecar({
    topology,
    admin: hostPort(flags.admin, "--admin"),
    log,
    ...certificateSource(flags),
    ...defined({ ads: envoy?.ads }),
    ...gatewayOptions(flags, topology),
    ...sidecarOptions(flags),
  }).catch((cause: Error) => {
    throw new CommandError(`the sidecar can't start: ${cause.message}`, { cause });
  });
  if (envoy !== undefined) await giveToEnvoy(sidecar, { topology, given }, envoy);
  const stopContaining = containFaults(process, {
    log,
    onFault: sidecar.faulted,
    exit: (code) => process.exit(code),
    now: () => performance.now(),
  });
  try {
    if (!io.signal.aborted) await once(io.signal, "abort");
    log.info("ending");
    await sidecar.close(flags.grace, flags.drain);
  } finally {
    stopContaining();
  }
}

/** Serves Envoy's resources by ADS. Ends the sidecar and throws if they can't be encoded. */
async function giveToEnvoy(
  sidecar: Sidecar,
  { topology, given }: { readonly topology: Topology; readonly given: Topology },
  { bootstrap }: EnvoySource,
): Promise<void> {
  try {
    const snapshot = encodeResources(given, bootstrap);
    sidecar.apply({
      ...{ topology, snapshot, generation: 1, changedAtMs: Date.now() },
      ...{ findings: [], staleFiles: [], objects: 0, changes: [] },
    });
  } catch (cause) {
    await sidecar.close(0);
    throw cause;
  }
}

function sidecarOptions(flags: ServeFlags) {
  const { grpc, compatMetrics, traces, envoyAdmin, endpointKeyFile, capture } = flags;
  const { samples: samplesFile, adminTokenFile } = flags;
  const retentionMs = flags.captureRetention * 24 * 3_600_000;
  return {
    ...{ grpc, compatMetrics, traces, ...defined({ envoyAdmin, endpointKeyFile, samplesFile }) },
    scrapeIntervalMs: flags.scrapeInterval,
    staleAfterMs: flags.staleAfter,
    ...(capture === undefined
      ? {}
      : { capture: { folder: flags.captureDir, limit: capture, retentionMs } }),
    ...(adminTokenFile === undefined ? {} : { adminToken: readToken(adminTokenFile) }),
  };
}

/** Throws UsageError if the flags contradict each other. */
function certificateSource(flags: ServeFlags): { readonly tls?: CertificateSource } {
  const { grpcTls, grpcTlsCert, grpcTlsKey, grpcClientCa } = flags;
  if (grpcTlsCert === undefined && grpcTlsKey === undefined) {
    if (grpcClientCa !== undefined) {
      throw new UsageError("--grpc-client-ca also needs --grpc-tls-cert and --grpc-tls-key");
    }
    return grpcTls === undefined ? {} : { tls: { kind: grpcTls } };
  }
  if (grpcTls !== undefined) {
    throw new UsageError("give either --grpc-tls self-signed or --grpc-tls-cert, not both");
  }
  if (grpcTlsCert === undefined || grpcTlsKey === undefined) {
    throw new UsageError("give both --grpc-tls-cert and --grpc-tls-key");
  }
  return {
    tls: {
      kind: "files",
      certFile: grpcTlsCert,
      keyFile: grpcTlsKey,
      ...defined({ clientCaFile: grpcClientCa }),
    },
  };
}
