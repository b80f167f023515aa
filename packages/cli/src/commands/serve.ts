import { once } from "node:events";
import { printableLines } from "@umbra/shadow/printable";
import { type CertificateSource, startSidecar } from "@umbra/sidecar";
import { Command, Option } from "commander";
import pino from "pino";
import { systemCaHelp, withSystemAuthorities } from "../envoy/system-authorities.ts";
import { CommandError, UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import { readToken } from "../process/token.ts";
import { checkReadable, checkWritable } from "../process/usable-file.ts";
import { endpointKeyHelp } from "../resources/endpoint-key.ts";
import { type GatewayFlags, gatewayOptions, withGatewayFlags } from "../resources/gateway-flags.ts";
import { captureCount, hostPort, numberOf } from "../resources/host-port.ts";
import { sidecarAddress } from "../resources/sidecar-flags.ts";
import {
  soundTopologyOf,
  type TopologyFlags,
  withTopologyFlags,
} from "../resources/topology-flags.ts";

interface ServeFlags extends TopologyFlags, GatewayFlags {
  readonly grpc: string;
  readonly grpcTls?: "self-signed";
  readonly grpcTlsCert?: string;
  readonly grpcTlsKey?: string;
  readonly grpcClientCa?: string;
  readonly admin: string;
  readonly envoyAdmin?: string;
  readonly logLevel: string;
  readonly endpointKeyFile?: string;
  readonly systemCa?: string;
  readonly scrapeInterval: number;
  readonly staleAfter: number;
  readonly grace: number;
  readonly drain: number;
  readonly samples?: string;
  readonly compatMetrics: boolean;
  readonly traces: boolean;
  readonly adminTokenFile?: string;
  readonly capture?: number;
  readonly captureDir: string;
  readonly captureRetention: number;
}

/** `umbra serve`: the sidecar, until SIGINT or SIGTERM. */
export function serveCommand(io: Io): Command {
  const command = new Command("serve").summary("run the sidecar");
  withTopologyFlags(command, { isDirectAllowed: true });
  return withGatewayFlags(command)
    .description(
      "Runs the sidecar: picks endpoints for Envoy over ext_proc, scrapes the endpoints, records both lanes.",
    )
    .option("--grpc <host:port>", "where ext_proc is served, or unix:/path", "127.0.0.1:9002")
    .addOption(
      new Option(
        "--grpc-tls <how>",
        "serve ext_proc over TLS with a certificate made at the start, for gateways that do not verify it",
      ).choices(["self-signed"]),
    )
    .option("--grpc-tls-cert <file>", "serve ext_proc over TLS with this PEM certificate chain")
    .option("--grpc-tls-key <file>", "and its PEM key; both are read again when they change")
    .option("--grpc-client-ca <file>", "take only clients with a certificate of this PEM authority")
    .option("--admin <host:port>", "where the admin interface is served", "127.0.0.1:9090")
    .option("--envoy-admin <host:port>", "Envoy's admin interface: readiness then includes Envoy")
    .option("--endpoint-key-file <file>", endpointKeyHelp)
    .option("--system-ca <file>", systemCaHelp)
    .option(
      "--scrape-interval <ms>",
      "shortest time between two scrapes of an endpoint; it grows where a metrics page is slow or endpoints are many, up to two fifths of --stale-after",
      numberOf("--scrape-interval", { min: 10, max: 60_000 }),
      100,
    )
    .option(
      "--stale-after <ms>",
      "age from which an endpoint's metrics count for nothing",
      numberOf("--stale-after", { min: 100, max: 86_400_000 }),
      2_000,
    )
    .option(
      "--grace <ms>",
      "how long running requests may take after SIGTERM",
      numberOf("--grace", { min: 0, max: 3_600_000 }),
      5_000,
    )
    .option(
      "--drain <ms>",
      "how long after SIGTERM picks are still taken while health and /readyz say no, so that gateways turn elsewhere first",
      numberOf("--drain", { min: 0, max: 3_600_000 }),
      0,
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
    .addOption(
      new Option("--log-level <level>", "what is logged")
        .choices(["trace", "debug", "info", "warn", "error", "silent"])
        .default("info"),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ umbra serve -f examples/mirror --grpc 127.0.0.1:9002 --admin 127.0.0.1:9090" +
        "\n  $ umbra serve -f pool.yaml --pool llama --grpc 0.0.0.0:9002 --grpc-tls self-signed\n" +
        "    the second as the endpoint picker of another gateway: docs/gateways.md",
    )
    .action(async (flags: ServeFlags) => {
      const topology = withSystemAuthorities(
        soundTopologyOf(flags, io, { isGatewayNeeded: false }),
        flags.systemCa,
        io,
      );
      const admin = hostPort(flags.admin, "--admin");
      sidecarAddress(flags.grpc, "--grpc");
      checkWritable("--samples", flags.samples);
      checkReadable("--admin-token-file", flags.adminTokenFile);
      const out = pino.destination(2);
      // Lines quote what clients and model servers send; pino's JSON escapes only part of what steers a terminal.
      const log = pino(
        { level: flags.logLevel, base: null },
        { write: (line: string) => out.write(printableLines(line)) },
      );
      const { envoyAdmin } = flags;
      const sidecar = await startSidecar({
        topology,
        grpc: flags.grpc,
        ...certificateSource(flags),
        ...gatewayOptions(flags, topology),
        admin,
        log,
        scrapeIntervalMs: flags.scrapeInterval,
        staleAfterMs: flags.staleAfter,
        compatMetrics: flags.compatMetrics,
        traces: flags.traces,
        ...(envoyAdmin === undefined ? {} : { envoyAdmin }),
        ...(flags.endpointKeyFile === undefined ? {} : { endpointKeyFile: flags.endpointKeyFile }),
        ...(flags.samples === undefined ? {} : { samplesFile: flags.samples }),
        ...(flags.capture === undefined
          ? {}
          : {
              capture: {
                folder: flags.captureDir,
                limit: flags.capture,
                retentionMs: flags.captureRetention * 24 * 3_600_000,
              },
            }),
        ...(flags.adminTokenFile === undefined
          ? {}
          : { adminToken: readToken(flags.adminTokenFile) }),
      }).catch((cause: Error) => {
        throw new CommandError(`the sidecar could not start: ${cause.message}`, { cause });
      });
      if (!io.signal.aborted) await once(io.signal, "abort");
      log.info("ending");
      await sidecar.close(flags.grace, flags.drain);
    });
}

/** Throws UsageError when the flags don't go together. */
function certificateSource(flags: ServeFlags): { readonly tls?: CertificateSource } {
  const { grpcTls, grpcTlsCert, grpcTlsKey, grpcClientCa } = flags;
  if (grpcTlsCert === undefined && grpcTlsKey === undefined) {
    if (grpcClientCa !== undefined) {
      throw new UsageError("--grpc-client-ca needs --grpc-tls-cert and --grpc-tls-key");
    }
    return grpcTls === undefined ? {} : { tls: { kind: grpcTls } };
  }
  if (grpcTls !== undefined) {
    throw new UsageError("give --grpc-tls self-signed or --grpc-tls-cert, not both");
  }
  if (grpcTlsCert === undefined || grpcTlsKey === undefined) {
    throw new UsageError("--grpc-tls-cert and --grpc-tls-key go together");
  }
  return {
    tls: {
      kind: "files",
      certFile: grpcTlsCert,
      keyFile: grpcTlsKey,
      ...(grpcClientCa === undefined ? {} : { clientCaFile: grpcClientCa }),
    },
  };
}
