import {
  defaultBootstrapOptions,
  partNames,
  renderBootstrap,
  renderPart,
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

const renderFlags = {
  format: flag(
    "--format <what>",
    "the whole bootstrap, or one part as a file for path_config_source",
    ["bootstrap", ...partNames],
    "bootstrap",
  ),
  ofListener: flag(
    "--of-listener <name>",
    "with --format route-config: whose routes, where there are several listeners",
  ),
  sidecar: flag(
    "--sidecar <address>",
    "where Envoy finds the sidecar: host:port or unix:/path",
    sidecarAddress,
    defaultBootstrapOptions.sidecar,
  ),
  plainMirror: flag(
    "--plain-mirror",
    "mirror straight to the shadow's cluster: no lane, no sidecar, Envoy's own balancing",
  ),
  observe: flag("--no-observe", "leave the recorder's filter out", undefined, true),
  tlsDir: flag(
    "--tls-dir <folder>",
    "where Envoy finds the Secrets of HTTPS listeners: NAMESPACE/NAME/tls.crt and tls.key below it",
    text,
    defaultBootstrapOptions.tlsDirectory,
  ),
  inlineCertificates: flag(
    "--inline-certificates",
    "write the Secrets of HTTPS listeners into the bootstrap, which then holds private keys",
  ),
  systemCa: flag(
    "--system-ca <file>",
    "PEM authorities of Envoy's machine, for endpoints that a BackendTLSPolicy verifies with wellKnownCACertificates: System; Envoy reads it",
    text,
    defaultBootstrapOptions.systemCaFile,
  ),
  comments: flag("--comments", "the reason of each limit and guard, as a comment of the YAML"),
};

type RenderFlags = FlagsOf<typeof renderFlags> &
  TopologyFlags &
  SidecarTlsFlags &
  Pick<UpFlags, "envoyAdmin" | "statsListener">;

/** `umbra render`: the Envoy bootstrap, or a part of it, on stdout, nothing else. */
export function renderCommand(io: Io): Command {
  return commandOf("render", {
    summary: "print the Envoy bootstrap",
    description:
      "Prints the Envoy 1.40 bootstrap for the resources, or parts for a bootstrap of your own.",
    examples: [
      "umbra render -f examples/mirror --endpoints vllm-llama2-7b-pool=10.0.0.1:8000 > envoy.yaml",
      "umbra render -f examples/mirror --format route-config > routes.yaml",
    ],
    flags: [topologyFlags, sidecarTlsFlags, runFlags, renderFlags],
  }).action((flags: RenderFlags, command: Command) => {
    const isGiven = (name: string) => command.getOptionValueSource(name) === "cli";
    refuseWithoutEffect(flags, isGiven);
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
    const format = { hasComments: flags.comments === true };
    io.stdout(
      flags.format === "bootstrap"
        ? renderBootstrap(topology, options, format)
        : renderPart(chosen(topology, flags), flags.format, options, format),
    );
  });
}

/** Flags that another one takes the effect from. */
function refuseWithoutEffect(flags: RenderFlags, isGiven: (name: string) => boolean): void {
  const { format, plainMirror, inlineCertificates, statsListener } = flags;
  const { metricsPath, metricsPort, metricsScheme } = flags;
  if ((metricsPath ?? metricsPort ?? metricsScheme) !== undefined) {
    throw new UsageError(
      "--metrics-path, --metrics-port and --metrics-scheme have no effect on Envoy: give them to umbra serve or umbra up",
    );
  }
  if (flags.ofListener !== undefined && format !== "route-config") {
    throw new UsageError("--of-listener chooses the routes of --format route-config: give both");
  }
  if (isGiven("tlsDir") && inlineCertificates === true) {
    throw new UsageError("--tls-dir and --inline-certificates exclude each other: give one");
  }
  if (format !== "bootstrap" && format !== "clusters") {
    const flag = isGiven("envoyAdmin") ? "--envoy-admin" : "--stats-listener";
    if (isGiven("envoyAdmin") || statsListener !== undefined) {
      throw new UsageError(
        `${flag} has no effect on --format ${format}: give it with bootstrap or clusters`,
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
    throw new UsageError(`${given.join(", ")}: with --plain-mirror there is no sidecar`);
  }
}

/** Flags about TLS that the resources do not have. */
function refuseWithoutTls(topology: Topology, isGiven: (name: string) => boolean): void {
  if (isGiven("systemCa") && !usesSystemAuthorities(topology)) throw systemCaWithoutEffect();
  if (isGiven("tlsDir") && topology.listeners.every(({ tls }) => tls === undefined)) {
    throw new UsageError("--tls-dir has no effect: no listener of the files ends TLS");
  }
}

/** Envoy takes a file with the routes of one listener only. */
function chosen(topology: Topology, { format, ofListener }: RenderFlags): Topology {
  if (format !== "route-config") return topology;
  const { listeners } = topology;
  if (ofListener === undefined && listeners.length <= 1) return topology;
  const found = listeners.filter(({ name }) => name === ofListener);
  if (found.length > 0) return { ...topology, listeners: found };
  const names = listeners.map(({ name }) => name).join(", ");
  throw new UsageError(
    ofListener === undefined
      ? `there are several listeners: choose one with --of-listener, of ${names}`
      : `--of-listener names "${ofListener}", which is no listener of the files; there are ${names}`,
  );
}
