import { once } from "node:events";
import type { Topology } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import { printableLines } from "@umbra/shadow/printable";
import { type CertificateSource, startSidecar } from "@umbra/sidecar";
import type { Command } from "commander";
import pino from "pino";
import { withSystemAuthorities } from "../envoy/system-authorities.ts";
import { CommandError, UsageError } from "../errors.ts";
import { hostPort } from "../flag-values.ts";
import { commandOf } from "../flags.ts";
import type { Io } from "../io.ts";
import { containFaults } from "../process/contain-faults.ts";
import { type HandOverFlag, handOverOption, readHandOver } from "../process/hand-over.ts";
import { readToken } from "../process/token.ts";
import { type GatewayFlags, gatewayFlags, gatewayOptions } from "../resources/gateway-flags.ts";
import { runFlags, type ServeFlags } from "../resources/run-flags.ts";
import { soundReadOf, type TopologyFlags, topologyFlags } from "../resources/topology-flags.ts";

type Flags = TopologyFlags & GatewayFlags & ServeFlags;

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
    ],
    flags: [topologyFlags, gatewayFlags, runFlags],
  })
    .addOption(handOverOption())
    .action(async (flags: Flags & HandOverFlag) => {
      if (flags.handedOver !== true) {
        const { topology } = soundReadOf(flags, io, { isGatewayNeeded: false });
        return runSidecar(topology, flags, io);
      }
      const handed = await readHandOver(io);
      return runSidecar(handed.topology, { ...flags, ...handed.flags }, io);
    });
}

async function runSidecar(resources: Topology, flags: Flags, io: Io): Promise<void> {
  const topology = withSystemAuthorities(resources, flags.systemCa, io);
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
    ...gatewayOptions(flags, topology),
    ...sidecarOptions(flags),
  }).catch((cause: Error) => {
    throw new CommandError(`the sidecar can't start: ${cause.message}`, { cause });
  });
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
