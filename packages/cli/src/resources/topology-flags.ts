import {
  type Certificate,
  type CheckPickerConfig,
  type Diagnostic,
  directTopology,
  type EnvoySettings,
  type ExternalPicker,
  formatDiagnostic,
  isPickMode,
  type MetricsPlaceSettings,
  ownInterface,
  type PickMode,
  parseEndpointList,
  parseMetricsPlace,
  parseSetting,
  pickModes,
  readTopology,
  type Topology,
} from "@umbra/envoy-config";
import { readPickerConfig } from "@umbra/scheduler/config";
import { CommandError, UsageError } from "../errors.ts";
import { collect, hostPort, ip } from "../flag-values.ts";
import type { Flag, FlagTable } from "../flags.ts";
import type { Io } from "../io.ts";
import { readSourceFiles } from "./read-files.ts";

/** Values of the flags from which a topology is made. */
export interface TopologyFlags {
  readonly file?: readonly string[];
  readonly endpoints?: readonly string[];
  readonly pickMode?: readonly string[];
  readonly metricsPath?: readonly string[];
  readonly metricsPort?: readonly string[];
  readonly metricsScheme?: readonly string[];
  readonly picker?: readonly string[];
  readonly pickerCa?: readonly string[];
  readonly strict?: true;
  readonly listener?: readonly string[];
  readonly bind?: string;
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
  file: list("-f, --file <path>", "a file or folder of resources, - for standard input"),
  endpoints: list("--endpoints <name=ip:port,…>", "endpoints of an InferencePool or Service"),
  pickMode: list(
    "--pick-mode <name=mode>",
    `how requests of an InferencePool or Service are picked: ${pickModes.join(", ")}`,
  ),
  metricsPath: list(
    "--metrics-path <name=/path>",
    "where the endpoints of an InferencePool or Service have their metrics page",
  ),
  metricsPort: list("--metrics-port <name=port>", "and on which port"),
  metricsScheme: list("--metrics-scheme <name=scheme>", "and by http or https"),
  picker: list(
    "--picker <pool=host:port>",
    "a third-party endpoint picker for an InferencePool, which Envoy asks in Umbra's place; tls:host:port where it serves TLS",
  ),
  pickerCa: list(
    "--picker-ca <pool=file>",
    "PEM authority of such a picker's certificate, without which it is not verified; Envoy reads it",
  ),
  strict: {
    flag: "--strict",
    help: "answer 500 where a rule has a mirror that can't be resolved",
    of: ofFiles,
  },
  listener: list(
    "--listener <name=port>",
    "moves a listener, by LISTENER, GATEWAY/LISTENER or NAMESPACE/GATEWAY/LISTENER, to another port",
  ),
  bind: {
    flag: "--bind <ip>",
    help: "address that listeners bind (default: 0.0.0.0)",
    read: ip,
    of: ofFiles,
  },
  set: list(
    "--set <name=value>",
    "a limit or timeout of Envoy, such as maxBody=8Mi: see docs/hardening.md",
  ),
  primary: {
    flag: "--primary <ip:port,…>",
    help: "endpoints that answer clients, instead of -f",
    of: all,
  },
  shadow: {
    flag: "--shadow <ip:port,…>",
    help: "endpoints that get a copy of every request",
    of: all,
  },
};

export interface ReadTopology {
  readonly topology: Topology;
  /** Of the listeners, by Secret; never to be printed. */
  readonly certificates: ReadonlyMap<string, Certificate>;
  readonly diagnostics: readonly Diagnostic[];
}

export interface TopologyNeeds {
  /** False: pools alone are enough. True when absent. */
  readonly isGatewayNeeded?: boolean;
}

/** Makes the topology that the flags ask for. Throws UsageError for wrong flags; problems in files are diagnostics. */
export function topologyOf(flags: TopologyFlags, io: Io, needs: TopologyNeeds = {}): ReadTopology {
  const listenerPorts = byName("--listener", "NAME=PORT", flags.listener, portOf);
  const bindAddress = flags.bind === undefined ? {} : { bindAddress: flags.bind };
  const envoySettings = settingsOf(flags.set ?? []);
  if (flags.primary !== undefined || flags.shadow !== undefined) {
    if (flags.file !== undefined) throw new UsageError("give either -f or --primary and --shadow");
    if (flags.primary === undefined) throw new UsageError("--shadow needs --primary");
    refuseWithoutFiles(flags, listenerPorts);
    const topology = directTopology({
      primary: endpointsOf(flags.primary, "--primary"),
      shadow: flags.shadow === undefined ? [] : endpointsOf(flags.shadow, "--shadow"),
      port: listenerPorts.get("http") ?? 8080,
      ...bindAddress,
      envoySettings,
    });
    const pools = withMetricsPlaces(topology.pools, metricsPlacesOf(flags));
    return {
      topology: { ...topology, pools },
      certificates: new Map(),
      diagnostics: [],
    };
  }
  if (flags.file === undefined) {
    throw new UsageError("no resources: name files or folders with -f");
  }
  return readTopology(readSourceFiles(flags.file, io), {
    endpoints: byName("--endpoints", "NAME=ip:port,…", flags.endpoints, endpointsOf),
    pickModes: byName("--pick-mode", "NAME=MODE", flags.pickMode, pickModeOf),
    metricsPlaces: metricsPlacesOf(flags),
    pickers: pickersOf(flags),
    isStrict: flags.strict === true,
    listenerPorts,
    envoySettings,
    checkPickerConfig,
    ...needs,
    ...bindAddress,
  });
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
        throw new UsageError(`${flag} names "${name}" twice: leave one out`);
      }
      places.set(name, { ...places.get(name), ...parsed.value });
    }
  }
  return places;
}

/** Of pools that no file names: they are called `primary` and `shadow`. */
function withMetricsPlaces(
  pools: Topology["pools"],
  places: ReadonlyMap<string, MetricsPlaceSettings>,
): Topology["pools"] {
  const names = pools.map(({ resourceName }) => resourceName);
  for (const name of places.keys()) {
    if (names.includes(name)) continue;
    throw new UsageError(`--metrics-… names "${name}": the pools are ${names.join(" and ")}`);
  }
  return pools.map((pool) => {
    const scrape = places.get(pool.resourceName);
    return scrape === undefined ? pool : { ...pool, scrape };
  });
}

/** By name. Of two with one name the first would have no effect. */
function byName<T>(
  flag: string,
  form: string,
  texts: readonly string[] = [],
  read: (text: string, flag: string) => T,
): Map<string, T> {
  const map = new Map<string, T>();
  for (const text of texts) {
    const [name, value] = split(text, flag, form);
    if (map.has(name)) throw new UsageError(`${flag} names "${name}" twice: leave one out`);
    map.set(name, read(value, flag));
  }
  return map;
}

/** What names things of resources has no effect on those that --primary and --shadow stand for. */
function refuseWithoutFiles(
  flags: TopologyFlags,
  listenerPorts: ReadonlyMap<string, number>,
): void {
  const { endpoints, pickMode, picker, pickerCa, strict } = flags;
  const given = Object.entries({
    "--endpoints": endpoints,
    "--pick-mode": pickMode,
    "--picker": picker,
    "--picker-ca": pickerCa,
    "--strict": strict,
  }).find(([, value]) => value !== undefined);
  if (given !== undefined) {
    const [flag] = given;
    const about = flag === "--strict" ? "is about mirrors" : "names a pool";
    throw new UsageError(`${flag} ${about} of the resources: give them with -f`);
  }
  const other = [...listenerPorts.keys()].find((name) => name !== "http");
  if (other !== undefined) {
    throw new UsageError(`--listener names "${other}", and there is one listener: http`);
  }
}

function pickersOf({ picker, pickerCa }: TopologyFlags): ReadonlyMap<string, ExternalPicker> {
  const pickers = byName("--picker", "POOL=HOST:PORT", picker, (where, flag): ExternalPicker => {
    const address = where.replace(/^tls:/, "");
    hostPort(address, flag);
    return { address, isTls: where.startsWith("tls:") };
  });
  for (const text of pickerCa ?? []) {
    const [name, caFile] = split(text, "--picker-ca", "POOL=FILE");
    const known = pickers.get(name);
    if (known?.isTls !== true) {
      throw new UsageError(`--picker-ca ${name} needs --picker ${name}=tls:HOST:PORT`);
    }
    if (caFile === "") throw new UsageError("--picker-ca takes POOL=FILE");
    pickers.set(name, { ...known, caFile });
  }
  return pickers;
}

function checkPickerConfig(value: unknown): ReturnType<CheckPickerConfig> {
  const read = readPickerConfig(value);
  return read.ok ? [] : read.problems;
}

/** As `topologyOf`, for commands that go on only with sound resources: prints what is wrong and throws on an error. */
export function soundReadOf(
  flags: TopologyFlags & InterfaceFlags,
  io: Io,
  needs: TopologyNeeds = {},
): ReadTopology {
  const read = topologyOf(flags, io, needs);
  refuseOwnInterfaces(read.topology, flags);
  const { diagnostics } = read;
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
  return read;
}

/** Where Envoy and the sidecar listen beside what clients use. */
interface InterfaceFlags {
  readonly admin?: string | undefined;
  readonly envoyAdmin?: string | undefined;
  readonly grpc?: string | undefined;
  readonly sidecar?: string | undefined;
  readonly statsListener?: string | undefined;
}

/** Whoever writes a resource must not have clients' requests sent to an admin interface. */
function refuseOwnInterfaces({ pools }: Topology, flags: InterfaceFlags): void {
  const { admin, envoyAdmin, grpc, sidecar, statsListener } = flags;
  const own = [admin, envoyAdmin, grpc, sidecar, statsListener].filter(
    (each) => each !== undefined,
  );
  for (const { name, endpoints } of pools) {
    for (const endpoint of endpoints) {
      if (ownInterface(endpoint, own) === undefined) continue;
      throw new CommandError(
        `no model server is at ${endpoint}, an endpoint of "${name}": Envoy or the sidecar listens there; give the model server's port, or move the interface`,
      );
    }
  }
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

function split(text: string, flag: string, form: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`${flag} takes ${form}, not "${text}"`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function pickModeOf(text: string): PickMode {
  if (!isPickMode(text)) {
    throw new UsageError(`--pick-mode: "${text}" is none of ${pickModes.join(", ")}`);
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
