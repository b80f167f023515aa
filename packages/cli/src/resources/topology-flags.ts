import {
  type Certificate,
  type CheckPickerConfig,
  type Diagnostic,
  directTopology,
  type EnvoySettings,
  endpointsAtOwnInterfaces,
  formatDiagnostic,
  isPickMode,
  type MetricsPlaceSettings,
  type PickMode,
  parseEndpointList,
  parseMetricsPlace,
  parseSetting,
  pickModes,
  readTopology,
  type SourceFile,
  type Topology,
  type TopologyOptions,
} from "@umbra/envoy-config";
import { readPickerConfig } from "@umbra/scheduler/config";
import { defined } from "@umbra/shadow/defined";
import { CommandError, UsageError } from "../errors.ts";
import { collect, ip } from "../flag-values.ts";
import type { Flag, FlagTable } from "../flags.ts";
import type { Io } from "../io.ts";
import { addressRange } from "./address-range.ts";
import { byName, split } from "./named-values.ts";
import { ownPickersOf, type PickerFlags, pickersOf } from "./picker-flags.ts";
import { readSourceFiles } from "./read-files.ts";

/** Values of the flags that define the topology. */
export interface TopologyFlags extends PickerFlags {
  readonly file?: readonly string[];
  readonly endpoints?: readonly string[];
  readonly pickMode?: readonly string[];
  readonly metricsPath?: readonly string[];
  readonly metricsPort?: readonly string[];
  readonly metricsScheme?: readonly string[];
  readonly strict?: true;
  readonly listener?: readonly string[];
  readonly bind?: string;
  readonly gatewayClass?: string;
  readonly gatewayAddresses?: string;
  readonly set?: readonly string[];
  readonly primary?: string;
  readonly shadow?: string;
}

const all = { serve: undefined, up: undefined, render: undefined, doctor: undefined };
const ofFiles = { ...all, check: undefined };
const list = (flag: string, help: string): Flag<readonly string[]> => ({
  flag,
  help: `${help}; repeatable`,
  read: collect,
  of: ofFiles,
});

export const topologyFlags: FlagTable<TopologyFlags> = {
  file: list("-f, --file <path>", "file or folder with resources, or - for standard input"),
  endpoints: list("--endpoints <name=ip:port,…>", "endpoints of an InferencePool or Service"),
  pickMode: list(
    "--pick-mode <name=mode>",
    `pick mode of an InferencePool or Service: ${pickModes.join(", ")}`,
  ),
  metricsPath: list(
    "--metrics-path <name=/path>",
    "path of the metrics page of an InferencePool's or Service's endpoints",
  ),
  metricsPort: list(
    "--metrics-port <name=port>",
    "port of the metrics page of an InferencePool's or Service's endpoints",
  ),
  metricsScheme: list(
    "--metrics-scheme <name=scheme>",
    "scheme of the metrics page of an InferencePool's or Service's endpoints: http or https",
  ),
  picker: list(
    "--picker <pool=host:port>",
    "use a third-party endpoint picker for this InferencePool; tls:host:port if it serves TLS",
  ),
  pickerCa: list(
    "--picker-ca <pool=file>",
    "PEM CA for the certificate of the third-party picker; without it, Envoy does not verify that certificate",
  ),
  pickerService: list(
    "--picker-service <namespace/name:port>",
    "Service of this sidecar; a pool whose endpointPickerRef names another Service uses the endpoint picker there",
  ),
  strict: {
    flag: "--strict",
    help: "answer 500 for a rule whose mirror can't be resolved",
    of: ofFiles,
  },
  listener: list(
    "--listener <name=port>",
    "move a listener to another port; name it as LISTENER, GATEWAY/LISTENER or NAMESPACE/GATEWAY/LISTENER",
  ),
  bind: {
    flag: "--bind <ip>",
    help: "IP address that listeners bind to (default: 0.0.0.0)",
    read: ip,
    of: ofFiles,
  },
  gatewayClass: {
    flag: "--gateway-class <name>",
    help: "serve only the Gateways of this GatewayClass",
    of: ofFiles,
  },
  gatewayAddresses: {
    flag: "--gateway-addresses <cidr>",
    help: "network from which each Gateway gets an address, if it names none, such as 10.0.7.0/24",
    read: addressRange,
    of: ofFiles,
  },
  set: list(
    "--set <name=value>",
    "set a limit or timeout of Envoy, such as maxBody=8Mi (see docs/hardening.md)",
  ),
  primary: {
    flag: "--primary <ip:port,…>",
    help: "endpoints that answer clients; use instead of -f",
    of: all,
  },
  shadow: {
    flag: "--shadow <ip:port,…>",
    help: "endpoints that get every request mirrored",
    of: all,
  },
};

export interface ReadTopology {
  readonly topology: Topology;
  /** Certificates of the listeners, by Secret. Never print them. */
  readonly certificates: ReadonlyMap<string, Certificate>;
  readonly diagnostics: readonly Diagnostic[];
  /** What was read; empty for `--primary`. */
  readonly files: readonly SourceFile[];
}

export interface TopologyNeeds {
  /** False: pools alone are enough, no Gateway is needed. True when absent. */
  readonly isGatewayNeeded?: boolean;
  /** True: Gateways of other controllers' classes are not served. */
  readonly hasOnlyOwnGateways?: boolean;
}

/** Builds the topology from the flags. Throws UsageError for wrong flags; returns problems in files as diagnostics. */
export function topologyOf(flags: TopologyFlags, io: Io, needs: TopologyNeeds = {}): ReadTopology {
  if (!areFilesGiven(flags)) {
    const topology = directTopologyOf(flags);
    return { topology, certificates: new Map(), diagnostics: [], files: [] };
  }
  const files = readSourceFiles(flags.file, io);
  const options = { ...readingOptionsOf(flags, needs), checkPickerConfig };
  return { ...readTopology(files, options), files };
}

/** True if the topology comes from files, false if from `--primary`. Throws UsageError if from neither or both. */
export function areFilesGiven<F extends TopologyFlags>(
  flags: F,
): flags is F & { readonly file: readonly string[] } {
  if (flags.primary !== undefined || flags.shadow !== undefined) {
    if (flags.file !== undefined) throw new UsageError("give either -f, or --primary and --shadow");
    if (flags.primary === undefined) throw new UsageError("--shadow needs --primary");
    return false;
  }
  if (flags.file === undefined) {
    throw new UsageError("no resources given: name files or folders with -f");
  }
  return true;
}

/** The topology of `--primary` and `--shadow`. Throws UsageError for wrong flags. */
function directTopologyOf(flags: TopologyFlags): Topology {
  const listenerPorts = listenerPortsOf(flags);
  refuseWithoutFiles(flags, listenerPorts);
  const topology = directTopology({
    primary: endpointsOf(flags.primary ?? "", "--primary"),
    shadow: flags.shadow === undefined ? [] : endpointsOf(flags.shadow, "--shadow"),
    port: listenerPorts.get("http") ?? 8080,
    ...bindAddressOf(flags),
    envoySettings: settingsOf(flags.set ?? []),
  });
  const pools = withMetricsPlaces(topology.pools, metricsPlacesOf(flags));
  return { ...topology, pools };
}

function listenerPortsOf({ listener }: TopologyFlags): ReadonlyMap<string, number> {
  return byName("--listener", "NAME=PORT", listener, portOf);
}

function bindAddressOf({ bind }: TopologyFlags): Pick<TopologyOptions, "bindAddress"> {
  return bind === undefined ? {} : { bindAddress: bind };
}

function gatewayChoiceOf({ gatewayClass, gatewayAddresses }: TopologyFlags) {
  return defined({ gatewayClass, gatewayAddresses });
}

/** How the flags change what files mean, as plain data. Throws UsageError for wrong flags. */
export function readingOptionsOf(
  flags: TopologyFlags,
  needs: TopologyNeeds,
): Omit<TopologyOptions, "checkPickerConfig"> {
  return {
    endpoints: byName("--endpoints", "NAME=ip:port,…", flags.endpoints, endpointsOf),
    pickModes: byName("--pick-mode", "NAME=MODE", flags.pickMode, pickModeOf),
    metricsPlaces: metricsPlacesOf(flags),
    pickers: pickersOf(flags),
    ...defined({ ownPickers: ownPickersOf(flags) }),
    isStrict: flags.strict === true,
    listenerPorts: listenerPortsOf(flags),
    envoySettings: settingsOf(flags.set ?? []),
    ...needs,
    ...bindAddressOf(flags),
    ...gatewayChoiceOf(flags),
  };
}

function metricsPlacesOf(flags: TopologyFlags): ReadonlyMap<string, MetricsPlaceSettings> {
  const places = new Map<string, MetricsPlaceSettings>();
  for (const [flag, field, texts = []] of [
    ["--metrics-path", "path", flags.metricsPath],
    ["--metrics-port", "port", flags.metricsPort],
    ["--metrics-scheme", "scheme", flags.metricsScheme],
  ] as const) {
    for (const text of texts) {
      const [name, value] = split(text, flag, `NAME=${field.toUpperCase()}`);
      const parsed = parseMetricsPlace(field, value);
      if (!parsed.ok) throw new UsageError(`${flag} ${name}: ${parsed.message}`);
      if (places.get(name)?.[field] !== undefined) {
        throw new UsageError(`${flag} names "${name}" twice: remove one`);
      }
      places.set(name, { ...places.get(name), ...parsed.value });
    }
  }
  return places;
}

/** For pools from `--primary` and `--shadow`, which have these names. */
function withMetricsPlaces(
  pools: Topology["pools"],
  places: ReadonlyMap<string, MetricsPlaceSettings>,
): Topology["pools"] {
  const names = pools.map(({ resourceName }) => resourceName);
  for (const name of places.keys()) {
    if (names.includes(name)) continue;
    throw new UsageError(
      `--metrics-… names an unknown pool "${name}": choose ${names.join(" or ")}`,
    );
  }
  return pools.map((pool) => {
    const scrape = places.get(pool.resourceName);
    return scrape === undefined ? pool : { ...pool, scrape };
  });
}

const aboutFlag: ReadonlyMap<string, string> = new Map([
  ["--strict", "applies to mirrors"],
  ["--gateway-class", "applies to Gateways"],
  ["--gateway-addresses", "applies to Gateways"],
]);

/** Rejects flags that refer to resources if the pools come from --primary and --shadow. */
function refuseWithoutFiles(
  flags: TopologyFlags,
  listenerPorts: ReadonlyMap<string, number>,
): void {
  const { endpoints, pickMode, picker, pickerCa, pickerService } = flags;
  const { strict, gatewayClass, gatewayAddresses } = flags;
  const given = Object.entries({
    "--endpoints": endpoints,
    "--pick-mode": pickMode,
    "--picker": picker,
    "--picker-ca": pickerCa,
    "--picker-service": pickerService,
    "--strict": strict,
    "--gateway-class": gatewayClass,
    "--gateway-addresses": gatewayAddresses,
  }).find(([, value]) => value !== undefined);
  if (given !== undefined) {
    const [flag] = given;
    const about = aboutFlag.get(flag) ?? "applies to a pool";
    throw new UsageError(`${flag} ${about} in resource files: give the files with -f`);
  }
  const other = [...listenerPorts.keys()].find((name) => name !== "http");
  if (other !== undefined) {
    throw new UsageError(
      `--listener names an unknown listener "${other}": without -f the only listener is http`,
    );
  }
}

export function checkPickerConfig(value: unknown): ReturnType<CheckPickerConfig> {
  const read = readPickerConfig(value);
  return read.ok ? [] : read.problems;
}

/** Like `topologyOf`, for commands that need valid resources: prints the diagnostics and throws if there is an error. */
export function soundReadOf(
  flags: TopologyFlags & InterfaceFlags,
  io: Io,
  needs: TopologyNeeds = {},
): ReadTopology {
  const read = topologyOf(flags, io, needs);
  refuseOwnInterfaces(read.topology, flags);
  refuseErrors(read.diagnostics, io);
  return read;
}

/** Prints what is worth it, and throws CommandError if there is an error. */
export function refuseErrors(
  diagnostics: readonly Diagnostic[],
  io: Pick<Io, "stderr" | "hasColour">,
): void {
  const worth = diagnostics.filter(({ severity }) => severity !== "info");
  for (const diagnostic of worth) {
    io.stderr(`${formatDiagnostic(diagnostic, { hasColour: io.hasColour })}\n`);
  }
  const errors = worth.filter(({ severity }) => severity === "error").length;
  if (errors > 0) {
    throw new CommandError(
      `the resources have ${errors} ${errors === 1 ? "error" : "errors"}, see above`,
    );
  }
}

/** Addresses that Envoy and the sidecar listen on for other purposes than client requests. */
export interface InterfaceFlags {
  readonly admin?: string | undefined;
  readonly probes?: string | undefined;
  readonly envoyAdmin?: string | undefined;
  readonly grpc?: string | undefined;
  readonly sidecar?: string | undefined;
  readonly statsListener?: string | undefined;
  readonly ads?: string | undefined;
}

/** The addresses, without the flags' names. */
export function ownInterfacesOf(flags: InterfaceFlags): readonly string[] {
  const { admin, probes, envoyAdmin, grpc, sidecar, statsListener, ads } = flags;
  const all = [admin, probes, envoyAdmin, grpc, sidecar, statsListener, ads];
  return all.filter((each) => each !== undefined);
}

/** Rejects endpoints that are Umbra's own interfaces: the author of a resource must not be able to send client requests to an admin interface. */
export function refuseOwnInterfaces(topology: Topology, flags: InterfaceFlags): void {
  const [first] = endpointsAtOwnInterfaces(topology, ownInterfacesOf(flags));
  if (first === undefined) return;
  throw new CommandError(
    `${first.endpoint}, an endpoint of "${first.pool}", is not a model server: Envoy or the sidecar listens there. Use the model server's port, or move the interface`,
  );
}

function settingsOf(texts: readonly string[]): Partial<EnvoySettings> {
  const given = byName("--set", "NAME=VALUE", texts, (value) => value);
  const read = [...given].map(([name, value]) => {
    const parsed = parseSetting(name, value);
    if (!parsed.ok) {
      throw new UsageError(`--set ${`${name}=${value}`.slice(0, 100)}: ${parsed.message}`);
    }
    return parsed.value;
  });
  return Object.assign({}, ...read) as Partial<EnvoySettings>;
}

function endpointsOf(text: string, flag: string): readonly string[] {
  const parsed = parseEndpointList(text);
  if (!parsed.ok) throw new UsageError(`${flag}: ${parsed.message}`);
  return parsed.endpoints;
}

function pickModeOf(text: string): PickMode {
  if (!isPickMode(text)) {
    throw new UsageError(
      `--pick-mode: unknown mode "${text}"; choose one of ${pickModes.join(", ")}`,
    );
  }
  return text;
}

function portOf(text: string, flag: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new UsageError(`${flag}: "${text}" is not a port (1 to 65535)`);
  }
  return port;
}
