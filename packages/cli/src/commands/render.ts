import {
  type AdsProtocol,
  type BootstrapOptions,
  defaultBootstrapOptions,
  isListenerCalled,
  partNames,
  type RenderFormat,
  renderAdsBootstrap,
  renderBootstrap,
  renderPart,
  servedNames,
  type Topology,
} from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import type { Command } from "commander";
import { systemCaWithoutEffect, usesSystemAuthorities } from "../envoy/system-authorities.ts";
import { UsageError } from "../errors.ts";
import { text } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag } from "../flags.ts";
import type { Io } from "../io.ts";
import { runFlags, type UpFlags } from "../resources/run-flags.ts";
import {
  type SidecarTlsFlags,
  sidecarAddress,
  sidecarTlsFlags,
  sidecarTlsOf,
} from "../resources/sidecar-flags.ts";
import { soundReadOf, type TopologyFlags, topologyFlags } from "../resources/topology-flags.ts";

const adsProtocols: readonly AdsProtocol[] = ["GRPC", "DELTA_GRPC"];

const renderFlags = {
  format: flag(
    "--format <what>",
    "the whole bootstrap, or one part for a path_config_source file",
    ["bootstrap", ...partNames],
    "bootstrap",
  ),
  ads: flag(
    "--xds, --ads <address>",
    "print the small bootstrap of an Envoy that gets everything else from `umbra serve --ads` at this address: unix:/path, or host:port with --sidecar-ca, --sidecar-cert and --sidecar-key",
    sidecarAddress,
  ),
  adsProtocol: flag(
    "--ads-protocol <api-type>",
    "with --ads: how Envoy asks, GRPC for all resources of a type at a time, DELTA_GRPC for what has changed (default: GRPC)",
    adsProtocols,
  ),
  ofListener: flag(
    "--of-listener <name>",
    "with --format route-config: the listener whose routes to print; required if there are several",
  ),
  sidecar: flag(
    "--sidecar <address>",
    "address of the sidecar for Envoy: host:port or unix:/path",
    sidecarAddress,
    defaultBootstrapOptions.sidecar,
  ),
  plainMirror: flag(
    "--plain-mirror",
    "mirror directly to the shadow's cluster, balanced by Envoy, without a sidecar",
  ),
  observe: flag("--no-observe", "omit the filter that records requests", undefined, true),
  tlsDir: flag(
    "--tls-dir <folder>",
    "folder on Envoy's machine with the Secrets of HTTPS listeners, as NAMESPACE/NAME/tls.crt and tls.key",
    text,
    defaultBootstrapOptions.tlsDirectory,
  ),
  inlineCertificates: flag(
    "--inline-certificates",
    "embed the Secrets of HTTPS listeners in the bootstrap, which then contains private keys",
  ),
  systemCa: flag(
    "--system-ca <file>",
    "PEM file with the CA certificates of Envoy's machine, for a BackendTLSPolicy with wellKnownCACertificates: System; read by Envoy",
    text,
    defaultBootstrapOptions.systemCaFile,
  ),
  comments: flag("--comments", "add YAML comments that give the reason for each limit and guard"),
};

type RenderFlags = FlagsOf<typeof renderFlags> &
  TopologyFlags &
  SidecarTlsFlags &
  Pick<UpFlags, "envoyAdmin" | "statsListener">;

/** `umbra render`: prints the Envoy bootstrap, or a part of it, to stdout. */
export function renderCommand(io: Io): Command {
  return commandOf("render", {
    summary: "print the Envoy bootstrap",
    description:
      "Prints the Envoy 1.40 bootstrap for the resources, or parts of it for your own bootstrap.",
    examples: [
      "umbra render -f examples/mirror --endpoints vllm-llama2-7b-pool=10.0.0.1:8000 > envoy.yaml",
      "umbra render -f examples/mirror --format route-config > routes.yaml",
      "umbra render -f examples/mirror --ads unix:/run/umbra/ads.sock > envoy.yaml",
    ],
    flags: [topologyFlags, sidecarTlsFlags, runFlags, renderFlags],
  }).action((flags: RenderFlags, command: Command) => {
    const isGiven = (name: string) => command.getOptionValueSource(name) === "cli";
    refuseWithoutEffect(flags, isGiven);
    refuseWithAds(flags, isGiven);
    const { topology, certificates } = soundReadOf(flags, io);
    refuseWithoutTls(topology, isGiven);
    const { sidecar, envoyAdmin, observe, statsListener } = flags;
    const options = {
      ...{ sidecar, ...sidecarTlsOf(flags), envoyAdmin, observe },
      plainMirror: flags.plainMirror === true,
      tlsDirectory: flags.tlsDir,
      systemCaFile: flags.systemCa,
      ...defined({ statsListener }),
      ...(flags.inlineCertificates === true ? { certificates } : {}),
    };
    io.stdout(rendered(topology, flags, options));
  });
}

function rendered(
  topology: Topology,
  flags: RenderFlags,
  options: Partial<BootstrapOptions>,
): string {
  const format: RenderFormat = { hasComments: flags.comments === true };
  const { ads: address, adsProtocol: protocol } = flags;
  if (address !== undefined) {
    return renderAdsBootstrap(topology, { address, ...defined({ protocol }) }, options, format);
  }
  return flags.format === "bootstrap"
    ? renderBootstrap(topology, options, format)
    : renderPart(chosen(topology, flags), flags.format, options, format);
}

/** Rejects flags that belong to `umbra serve` when it serves ADS, and an address that others could answer at. */
function refuseWithAds(flags: RenderFlags, isGiven: (name: string) => boolean): void {
  const { ads, adsProtocol, sidecarCa, sidecarCert, sidecarKey } = flags;
  if (ads === undefined) {
    if (adsProtocol === undefined) return;
    throw new UsageError("--ads-protocol needs --ads");
  }
  if (isGiven("format")) throw new UsageError("give either --ads or --format, not both");
  const given = Object.entries(servedFlags).flatMap(([name, flag]) => (isGiven(name) ? flag : []));
  if (given.length > 0) {
    throw new UsageError(
      `${given.join(", ")}: no effect on the bootstrap that --ads prints: give it to umbra serve`,
    );
  }
  const isMutual = [sidecarCa, sidecarCert, sidecarKey].every((file) => file !== undefined);
  if (!ads.startsWith("unix:") && !isMutual) {
    throw new UsageError(
      `--ads ${ads}: private keys pass there; give --sidecar-ca, --sidecar-cert and --sidecar-key, or use unix:/path`,
    );
  }
}

/** Flags that change resources, which `umbra serve --ads` renders. */
const servedFlags = {
  sidecar: "--sidecar",
  statsListener: "--stats-listener",
  tlsDir: "--tls-dir",
  inlineCertificates: "--inline-certificates",
  systemCa: "--system-ca",
  observe: "--no-observe",
  plainMirror: "--plain-mirror",
} as const;

/** Rejects flags that another flag makes ineffective. */
function refuseWithoutEffect(flags: RenderFlags, isGiven: (name: string) => boolean): void {
  const { format, plainMirror, inlineCertificates, statsListener } = flags;
  const { metricsPath, metricsPort, metricsScheme } = flags;
  if ((metricsPath ?? metricsPort ?? metricsScheme) !== undefined) {
    throw new UsageError(
      "--metrics-path, --metrics-port and --metrics-scheme have no effect on Envoy: give them to umbra serve or umbra up",
    );
  }
  if (flags.ofListener !== undefined && format !== "route-config") {
    throw new UsageError("--of-listener needs --format route-config");
  }
  if (isGiven("tlsDir") && inlineCertificates === true) {
    throw new UsageError("give either --tls-dir or --inline-certificates, not both");
  }
  if (format !== "bootstrap" && format !== "clusters") {
    const flag = isGiven("envoyAdmin") ? "--envoy-admin" : "--stats-listener";
    if (isGiven("envoyAdmin") || statsListener !== undefined) {
      throw new UsageError(
        `${flag} has no effect with --format ${format}: use it with bootstrap or clusters`,
      );
    }
  }
  if (plainMirror !== true) return;
  const given = [
    ...(flags.observe ? [] : ["--no-observe"]),
    ...Object.entries({
      "--sidecar-tls": flags.sidecarTls,
      "--sidecar-ca": flags.sidecarCa,
      "--sidecar-cert": flags.sidecarCert,
      "--sidecar-key": flags.sidecarKey,
      "--sidecar-name": flags.sidecarName,
    }).flatMap(([flag, value]) => (value === undefined ? [] : [flag])),
  ];
  if (given.length > 0) {
    throw new UsageError(
      `${given.join(", ")}: no effect with --plain-mirror, which uses no sidecar`,
    );
  }
}

/** Rejects TLS flags if the resources use no TLS. */
function refuseWithoutTls(topology: Topology, isGiven: (name: string) => boolean): void {
  if (isGiven("systemCa") && !usesSystemAuthorities(topology)) throw systemCaWithoutEffect();
  if (isGiven("tlsDir") && topology.listeners.every(({ tls }) => tls === undefined)) {
    throw new UsageError("--tls-dir has no effect: no listener terminates TLS");
  }
}

/** An Envoy route file holds the routes of one listener only. */
function chosen(topology: Topology, { format, ofListener }: RenderFlags): Topology {
  if (format !== "route-config") return topology;
  const { listeners } = topology;
  if (ofListener === undefined && listeners.length <= 1) return topology;
  const found = listeners.filter(
    (each) => ofListener !== undefined && isListenerCalled(each, ofListener),
  );
  if (found.length === 1) return { ...topology, listeners: found };
  const names = listeners.flatMap(servedNames).join(", ");
  throw new UsageError(
    ofListener === undefined || found.length > 1
      ? `the files have several listeners: choose one with --of-listener (${names})`
      : `--of-listener: there is no listener "${ofListener}"; choose one of ${names}`,
  );
}
