import { once } from "node:events";
import type { ConfigurationUpdate } from "@umbra/control";
import { defined } from "@umbra/shadow/defined";
import { printableLines } from "@umbra/shadow/printable";
import {
  type AdsAddress,
  type CertificateSource,
  type FollowedKinds,
  type PeersOptions,
  type RolloutListener,
  type Sidecar,
  startSidecar,
} from "@umbra/sidecar";
import type { Command } from "commander";
import pino, { type Logger } from "pino";
import { createSystemTrust, refuseUnusedSystemCa } from "../envoy/system-authorities.ts";
import { systemCaFile } from "../envoy/system-ca.ts";
import { CommandError, UsageError } from "../errors.ts";
import { hostPort } from "../flag-values.ts";
import { commandOf } from "../flags.ts";
import type { Io } from "../io.ts";
import { followPeers } from "../kube/peer-addresses.ts";
import type { StatusesInCluster } from "../kube/write-statuses.ts";
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
import {
  type GatewayFlags,
  gatewayFlags,
  gatewayOptions,
  type KnownPools,
} from "../resources/gateway-flags.ts";
import { type KubeFlags, kubeChoiceOf, kubeFlags } from "../resources/kube-flags.ts";
import {
  type PeersChoice,
  type PeersFlags,
  peersFlags,
  peersOf,
} from "../resources/peers-flags.ts";
import { runFlags, type ServeFlags } from "../resources/run-flags.ts";
import { type SidecarTlsFlags, sidecarTlsFlags } from "../resources/sidecar-flags.ts";
import { type TopologyFlags, topologyFlags } from "../resources/topology-flags.ts";
import { type ConfigurationApplier, createApplier } from "../serve/apply-updates.ts";
import { openConfiguration } from "../serve/configuration-input.ts";

type Flags = TopologyFlags &
  KubeFlags &
  GatewayFlags &
  ServeFlags &
  AdsFlags &
  PeersFlags &
  SidecarTlsFlags;

/** `umbra serve`: runs the sidecar until SIGINT or SIGTERM. */
export function serveCommand(io: Io): Command {
  return commandOf("serve", {
    summary: "run the sidecar",
    description:
      "Runs the sidecar. It picks endpoints for Envoy over ext_proc, scrapes their metrics, and records both lanes. Follows changes of the files given with -f: see docs/live-configuration.md. With --kube it follows a Kubernetes API server: see docs/kubernetes.md.",
    examples: [
      "umbra serve -f examples/mirror --grpc 127.0.0.1:9002 --admin 127.0.0.1:9090",
      "umbra serve -f pool.yaml --pool llama --grpc 0.0.0.0:9002 --grpc-tls self-signed\n" +
        "    the second example serves a third-party gateway: see docs/gateways.md",
      "umbra serve -f examples/mirror --ads unix:/run/umbra/ads.sock",
      "umbra serve --kube --namespace inference --ads unix:/run/umbra/ads.sock",
    ],
    flags: [
      topologyFlags,
      kubeFlags,
      gatewayFlags,
      runFlags,
      adsFlags,
      peersFlags,
      sidecarTlsFlags,
    ],
  })
    .addOption(handOverOption())
    .action(async (flags: Flags & HandOverFlag) => {
      const handed = flags.handedOver === true ? await readHandOver(io) : undefined;
      const all = { ...flags, ...handed?.flags };
      return serve(all, handed, io);
    });
}

async function serve(flags: Flags, handed: HandOver | undefined, io: Io): Promise<void> {
  const envoy = handed === undefined ? envoyOf(flags, io) : handed.envoy;
  const peers = peersOf(flags, { hasKube: flags.kube === true });
  const log = createLog(flags);
  const complete = createSystemTrust(flags.systemCa, io);
  const applier = createApplier({ log, complete });
  const input = await openConfiguration({
    ...{ flags, handed, io },
    ...defined({ rendering: envoy?.bootstrap }),
    onChange: (update) => applier.take(update),
    onProblem: (words) => log.warn(words),
    onNote: (words) => log.info(words),
  });
  try {
    const { rollout, statuses, followedKinds, namespaces } = input;
    const onRollout: RolloutListener = {
      onRefused: (refusal) => rollout.refused(refusal),
      onAccepted: (generation) => rollout.accepted(generation),
      onTried: (version) => rollout.tried(version),
      onListeners: (replies) => statuses?.takeReplies(replies),
    };
    // The files may have changed since `umbra up` gave the flag.
    if (handed === undefined) refuseUnusedSystemCa(input.first.topology, flags.systemCa);
    const first = { ...input.first, topology: complete(input.first.topology) };
    const configured = {
      first,
      applier,
      ads: envoy?.ads,
      peers,
      onRollout,
      namespaces,
      followedKinds,
      statuses,
    };
    await runSidecar(configured, { flags, log, io });
  } finally {
    await input.close();
  }
}

/** How Envoy gets its configuration from this sidecar; undefined without `--ads`. Throws UsageError. */
function envoyOf(flags: Flags, io: Io): EnvoySource | undefined {
  const { ads } = adsAddressOf(flags);
  if (ads === undefined) return undefined;
  const systemCa = flags.systemCa ?? systemCaFile(io.env);
  return { ads, bootstrap: { ...adsBootstrapOf(flags), systemCaFile: systemCa } };
}

function createLog({ logLevel }: Flags): Logger {
  const out = pino.destination(2);
  // Log lines quote text from clients and model servers. Pino's JSON escapes only some terminal control characters.
  return pino(
    { level: logLevel, base: null },
    { write: (line: string) => out.write(printableLines(line)) },
  );
}

interface Configured {
  /** With what only this machine knows. */
  readonly first: ConfigurationUpdate;
  readonly applier: ConfigurationApplier;
  readonly ads: AdsAddress | undefined;
  readonly peers: PeersChoice | undefined;
  readonly onRollout: RolloutListener;
  readonly namespaces: KnownPools["followed"];
  readonly followedKinds: FollowedKinds | undefined;
  readonly statuses: StatusesInCluster | undefined;
}

interface Surroundings {
  readonly flags: Flags;
  readonly log: Logger;
  readonly io: Io;
}

async function runSidecar(
  { first, applier, ads, peers, onRollout, namespaces, followedKinds, statuses }: Configured,
  { flags, log, io }: Surroundings,
): Promise<void> {
  const { topology } = first;
  const sidecar = await startSidecar({
    topology,
    admin: hostPort(flags.admin, "--admin"),
    log,
    ...certificateSource(flags),
    ...defined({ ads, followedKinds, peers: judgingPeers(peers, flags, statuses) }),
    ...defined({ statusWrites: statuses?.writes }),
    onRollout,
    ...gatewayOptions(flags, { pools: topology.pools, followed: namespaces }),
    ...sidecarOptions(flags),
  }).catch((cause: Error) => {
    throw new CommandError(`the sidecar can't start: ${cause.message}`, { cause });
  });
  applier.begin(sidecar, first);
  statuses?.begin(sidecar);
  const following = followPeersOf(peers, sidecar, { flags, log, io });
  const stopContaining = containFaults(process, {
    log,
    onFault: sidecar.faulted,
    exit: (code) => process.exit(code),
    now: () => performance.now(),
  });
  try {
    if (!io.signal.aborted) await once(io.signal, "abort");
    log.info("ending");
    await following?.close();
    // Another process can write statuses while this one ends.
    await Promise.all([statuses?.close(), sidecar.close(flags.grace, flags.drain)]);
  } finally {
    stopContaining();
  }
}

/** The holder of the Lease judges for all, or the sidecar with `--judge`. */
function judgingPeers(
  peers: PeersChoice | undefined,
  { judge }: PeersFlags,
  statuses: StatusesInCluster | undefined,
): PeersOptions | undefined {
  if (peers === undefined) return undefined;
  const isJudge = () => judge === true || statuses?.writes().isHolder === true;
  return { ...peers.options, isJudge };
}

/** Follows the addresses of the peers, if they are in a Service. */
function followPeersOf(
  peers: PeersChoice | undefined,
  sidecar: Pick<Sidecar, "setPeers">,
  { flags, log, io }: Surroundings,
): { close(): Promise<void> } | undefined {
  const choice = kubeChoiceOf(flags);
  if (peers?.service === undefined || choice === undefined) return undefined;
  return followPeers({
    ...{ choice, env: io.env, service: peers.service },
    onChange: sidecar.setPeers,
    onProblem: (words) => log.warn(words),
  });
}

function sidecarOptions(flags: ServeFlags) {
  const { grpc, compatMetrics, traces, envoyAdmin, endpointKeyFile, judgeKeys, capture } = flags;
  const { samples: samplesFile, adminTokenFile, probes } = flags;
  const retentionMs = flags.captureRetention * 24 * 3_600_000;
  return {
    ...{
      grpc,
      compatMetrics,
      traces,
      ...defined({ envoyAdmin, endpointKeyFile, judgeKeys, samplesFile }),
    },
    scrapeIntervalMs: flags.scrapeInterval,
    staleAfterMs: flags.staleAfter,
    ...(capture === undefined
      ? {}
      : { capture: { folder: flags.captureDir, limit: capture, retentionMs } }),
    ...(probes === undefined ? {} : { probes: hostPort(probes, "--probes") }),
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
