import { isAtLeast, servedNames, type Topology } from "@umbra/envoy-config";
import type { Command } from "commander";
import { checkOwnBootstrap } from "../check/own-bootstrap.ts";
import { checkPools } from "../doctor/endpoints.ts";
import { judgeEnvoy, locateEnvoy } from "../doctor/envoy.ts";
import { areaOf, type Finding } from "../doctor/finding.ts";
import { findingsText } from "../doctor/findings-text.ts";
import { judgeMachine, thisMachine } from "../doctor/machine.ts";
import { judgePorts, tryPort, type WantedPort } from "../doctor/ports.ts";
import { checkProbes } from "../doctor/probes.ts";
import { checkRunning, type Running } from "../doctor/running.ts";
import { checkSidecar, type SidecarLink } from "../doctor/sidecar-link.ts";
import { withSystemAuthorities } from "../envoy/system-authorities.ts";
import { CommandError, UsageError } from "../errors.ts";
import { checked, hostPort, number } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { authorizationFrom } from "../resources/endpoint-key.ts";
import { runFlags, type ServeFlags, type SidecarFlags } from "../resources/run-flags.ts";
import {
  type SidecarTlsFlags,
  sidecarAddress,
  sidecarTlsFlags,
  sidecarTlsOf,
} from "../resources/sidecar-flags.ts";
import {
  type ReadTopology,
  type TopologyFlags,
  topologyFlags,
  topologyOf,
} from "../resources/topology-flags.ts";
import { failureThreshold, severityCounts } from "../severity-counts.ts";
import { print } from "../tables.ts";

const doctorFlags = {
  sidecar: flag(
    "--sidecar <host:port>",
    "check the health of the sidecar at this address (host:port or unix:/path), as Envoy does",
  ),
  probes: flag(
    "--probes <host:port>",
    "check that a sidecar elsewhere is ready, at the address of its --probes; this machine then needs no Envoy",
    checked(hostPort),
  ),
  bootstrap: flag("--bootstrap <file>", "also check your own Envoy bootstrap (YAML or JSON)"),
  timeout: flag("--timeout <seconds>", "timeout for each page", number(0.1, 60), 2),
  output: outputFlag("output format"),
  failureThreshold,
};

type DoctorFlags = FlagsOf<typeof doctorFlags> &
  TopologyFlags &
  SidecarTlsFlags &
  SidecarFlags &
  Pick<ServeFlags, "grpc" | "systemCa"> & { readonly envoyAdmin: string };

/** `umbra doctor`: finds problems with the machine, the endpoints and running processes. */
export function doctorCommand(io: Io): Command {
  return commandOf("doctor", {
    summary: "find problems with this machine and the endpoints",
    description:
      "Checks Node, Envoy (including known vulnerabilities), ports, limits and running processes. With -f or --primary it also checks that each endpoint is reachable and has usable metrics. Changes nothing and sends no inference requests. Each problem comes with a fix. Exits with status 1 if there is an error.",
    examples: [
      "umbra doctor",
      "umbra doctor -f examples/mirror --listener http=8080",
      "umbra doctor --sidecar unix:/run/umbra.sock",
      "umbra doctor --probes umbra-probes.umbra.svc:9091",
      "umbra doctor --sidecar 10.0.0.5:9002 --sidecar-ca ca.pem",
      "umbra doctor --primary 10.0.0.1:8000,10.0.0.2:8000 --shadow 10.0.1.1:8000 -o json",
    ],
    flags: [topologyFlags, sidecarTlsFlags, runFlags, doctorFlags],
  }).action(async (flags: DoctorFlags) => {
    const findings = await collectFindings(flags, io);
    print(flags.output, { findings }, findingsText(findings, io), io);
    const worse = findings.flatMap(({ severity }) => (severity === "ok" ? [] : { severity }));
    const words = severityCounts(worse);
    if (worse.some(({ severity }) => isAtLeast(severity, flags.failureThreshold))) {
      throw new CommandError(`${words} found`);
    }
    io.stderr(words === "" ? "no problems found\n" : `no errors found (${words})\n`);
  });
}

async function collectFindings(flags: DoctorFlags, io: Io): Promise<readonly Finding[]> {
  const timeoutMs = flags.timeout * 1_000;
  const link = sidecarLink(flags);
  const authorization = await authorizationFrom(flags.endpointKeyFile, "--endpoint-key-file");
  const own = ownPorts(flags);
  const hasResources =
    flags.file !== undefined || flags.primary !== undefined || flags.shadow !== undefined;
  const read = hasResources ? topologyOf(flags, io) : undefined;
  if (read === undefined && flags.systemCa !== undefined) {
    throw new UsageError("--system-ca applies to endpoints only: also give resources with -f");
  }
  const pools =
    read === undefined ? [] : withSystemAuthorities(read.topology, flags.systemCa, io).pools;
  const running = await checkRunning(flags, timeoutMs);
  const wanted = [...own, ...listenerPorts(read?.topology)].map((each) =>
    withHolder(each, running),
  );
  const states: string[] = [];
  // One after the other: two of them may use the same port.
  for (const { host, port } of wanted) states.push(await tryPort(host, port));
  return [
    ...judgeMachine(thisMachine()),
    ...(flags.probes === undefined
      ? judgeEnvoy(locateEnvoy(io.env), running.envoyVersion)
      : [await checkProbes(flags.probes, timeoutMs)]),
    ...judgePorts(wanted, states),
    ...running.findings,
    ...(flags.bootstrap === undefined ? [] : bootstrapFindings(flags.bootstrap)),
    ...(link === undefined ? [] : [await checkSidecar(link, timeoutMs)]),
    ...(read === undefined ? [] : resourceFindings(read)),
    ...(await checkPools(pools, { timeoutMs, authorization })),
  ];
}

/** Undefined without `--sidecar`. Throws UsageError. */
function sidecarLink(flags: DoctorFlags): SidecarLink | undefined {
  const { sidecarTls: tls } = sidecarTlsOf(flags);
  if (flags.sidecar === undefined) {
    if (tls !== undefined) throw new UsageError("the --sidecar-… TLS flags need --sidecar");
    return undefined;
  }
  return { address: sidecarAddress(flags.sidecar, "--sidecar"), tls };
}

function ownPorts({ grpc, admin, envoyAdmin }: DoctorFlags): readonly WantedPort[] {
  const at = (flag: string, address: string, owner: WantedPort["owner"], user: string) => ({
    ...hostPort(address, flag),
    owner,
    user,
    remedy: `choose another with ${flag}`,
  });
  return [
    ...(grpc.startsWith("unix:")
      ? []
      : [at("--grpc", grpc, "sidecar", "the sidecar's gRPC server")]),
    at("--admin", admin, "sidecar", "the sidecar's admin interface"),
    at("--envoy-admin", envoyAdmin, "envoy", "Envoy's admin interface"),
  ];
}

function listenerPorts(topology: Topology | undefined): readonly WantedPort[] {
  return (topology?.listeners ?? []).map((each) => {
    const [name = each.name] = servedNames(each);
    return {
      host: each.address,
      port: each.port,
      owner: "listener",
      user: `listener "${name}"`,
      remedy: `move the listener with --listener ${name}=PORT`,
    };
  });
}

function withHolder(
  wanted: WantedPort,
  { isSidecarUp, envoyVersion, envoyPorts }: Running,
): WantedPort {
  const isHeld = {
    sidecar: isSidecarUp,
    envoy: envoyVersion !== undefined,
    listener: envoyPorts.has(wanted.port),
  }[wanted.owner];
  const heldBy = wanted.owner === "sidecar" ? "the running sidecar" : "the running Envoy";
  return isHeld ? { ...wanted, heldBy } : wanted;
}

function bootstrapFindings(file: string): readonly Finding[] {
  const { ok, wrong } = areaOf("bootstrap");
  const found = checkOwnBootstrap(file);
  if (found.length === 0) return [ok(`${file} enables no guard that crashes Envoy`)];
  return found.map(({ message }) => wrong("warning", "UMB0330", `${file}: ${message}`));
}

/** Summarizes the findings of `umbra check`. */
function resourceFindings({ diagnostics }: ReadTopology): readonly Finding[] {
  const area = "resources";
  const worth = diagnostics.filter(({ severity }) => severity !== "info");
  if (worth.length === 0) return [areaOf(area).ok("no problems found")];
  return worth.map(({ severity, code, message, remedy, file, line, column }) => ({
    severity,
    code,
    area,
    message: `${file}:${line}:${column} ${message}`,
    remedy,
  }));
}
