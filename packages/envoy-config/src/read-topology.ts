import { crashingGuardEffect } from "./bootstrap/crashing-guard.ts";
import { hasCrashingGuard, patchProblems } from "./bootstrap/render.ts";
import type { Certificate } from "./certificate.ts";
import { byPosition, type Diagnostic } from "./diagnostic.ts";
import type { EnvoySettings } from "./envoy-settings.ts";
import { lint } from "./lint/lint.ts";
import { nearest } from "./nearest.ts";
import { createCertificateResolver } from "./resolve/certificates.ts";
import { withDroppedRules } from "./resolve/dropped-rules.ts";
import { embeddedPickerConfigs } from "./resolve/embedded-picker-configs.ts";
import { resolveEnvoy } from "./resolve/envoy.ts";
import { listenerNames, shortestNames } from "./resolve/listener-names.ts";
import { resolveListeners } from "./resolve/listeners.ts";
import { modelServers } from "./resolve/model-servers.ts";
import { type CheckPickerConfig, checkPickerConfigs } from "./resolve/picking.ts";
import { compare, createPoolResolver } from "./resolve/pools.ts";
import { poolPlaces, withPickModes } from "./resolve/route-pick-modes.ts";
import { readResources, type SourceFile } from "./resources/read-resources.ts";
import type { Resources } from "./resources/resources.ts";
import type { ExternalPicker, MetricsPlaceSettings, PickMode, Topology } from "./topology.ts";

export interface TopologyOptions {
  /** Endpoints by resource name or `namespace/name`; they win over all that the files say. */
  readonly endpoints?: ReadonlyMap<string, readonly string[]>;
  /** Pick modes by resource name or `namespace/name`; they win over annotations. */
  readonly pickModes?: ReadonlyMap<string, PickMode>;
  /** Where metrics pages are, by resource name or `namespace/name`; they win over annotations. */
  readonly metricsPlaces?: ReadonlyMap<string, MetricsPlaceSettings>;
  /** Ports by listener name. */
  readonly listenerPorts?: ReadonlyMap<string, number>;
  /** Third-party endpoint pickers, by the InferencePool's name or `namespace/name`. */
  readonly pickers?: ReadonlyMap<string, ExternalPicker>;
  /** A rule with a mirror that can't be resolved answers 500; without this it serves without the mirror. */
  readonly isStrict?: boolean;
  /** `0.0.0.0` when absent. */
  readonly bindAddress?: string;
  /** False where a gateway of another make is served: pools alone are enough then. True when absent. */
  readonly isGatewayNeeded?: boolean;
  /** They win over an EnvoySettings of the files. */
  readonly envoySettings?: Partial<EnvoySettings>;
  /** Knows the scheduler's plugins. Absent: EndpointPickerConfigs are taken unread. */
  readonly checkPickerConfig?: CheckPickerConfig;
}

export interface TopologyRead {
  /** To be used only when no diagnostic is an error. */
  readonly topology: Topology;
  /** What the listeners' Secrets hold, by `<namespace>/<name>`. To be kept from everything that is printed. */
  readonly certificates: ReadonlyMap<string, Certificate>;
  /** By file and place. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads resources into a topology. Never throws: what is wrong is in the diagnostics, all of it in one pass. */
export function readTopology(
  files: readonly SourceFile[],
  options: TopologyOptions = {},
): TopologyRead {
  const { endpoints = new Map(), listenerPorts = new Map(), bindAddress = "0.0.0.0" } = options;
  const { pickModes = new Map(), pickers = new Map(), isStrict = false } = options;
  const { metricsPlaces = new Map() } = options;
  const { resources, diagnostics, report } = readResources(files);
  const checkPicker = options.checkPickerConfig ?? (() => []);
  resources.pickerConfigs.push(...embeddedPickerConfigs(resources, checkPicker, report));
  checkPickerConfigs(resources, checkPicker, report);
  const start = { file: files[0]?.name ?? "-", line: 1, column: 1 };
  const flags = { file: "command line", line: 1, column: 1 };
  const pools = createPoolResolver({
    resources,
    endpoints,
    pickModes,
    pickers,
    metricsPlaces,
    report,
  });
  const certificates = createCertificateResolver(resources, report);
  const resolved = resolveListeners(
    resources,
    { pools, certificates },
    { ports: listenerPorts, bindAddress, isStrict },
    report,
  );

  const backends = pools
    .all()
    .flatMap(({ namespace, resourceName }) => [resourceName, `${namespace}/${resourceName}`]);
  for (const [flag, given] of [
    ["--endpoints", endpoints],
    ["--pick-mode", pickModes],
    ["--metrics-path, --metrics-port or --metrics-scheme", metricsPlaces],
  ] as const) {
    for (const name of given.keys()) {
      if (backends.includes(name)) continue;
      const message = `${flag} names "${name}", which is no InferencePool of the files and no Service that a route refers to`;
      report("error", "UMB0207", flags, message, meant(name, backends));
    }
    const named = pools
      .all()
      .map(({ namespace, resourceName }) => ({ namespace, name: resourceName }));
    checkNamedTwice(flag, given, named, (message, extras) =>
      report("error", "UMB0207", flags, message, extras),
    );
  }
  for (const name of pickModes.keys()) {
    const named = pools
      .all()
      .filter((each) =>
        [each.resourceName, `${each.namespace}/${each.resourceName}`].includes(name),
      );
    if (named.length === 0 || named.some(({ picker }) => picker === "umbra")) continue;
    const message = `--pick-mode names "${name}", and Umbra does not pick there`;
    const remedy = "leave it out, or let Umbra pick: name the endpoints, and no other picker";
    report("error", "UMB0207", flags, message, { remedy });
  }
  const poolNames = resources.pools.flatMap(({ namespace, name }) => [
    name,
    `${namespace}/${name}`,
  ]);
  checkNamedTwice("--picker", pickers, resources.pools, (message, extras) =>
    report("error", "UMB0207", flags, message, extras),
  );
  for (const name of pickers.keys()) {
    if (poolNames.includes(name)) continue;
    const message = `--picker names "${name}", which is no InferencePool of the files`;
    report("error", "UMB0207", flags, message, meant(name, poolNames));
  }
  checkListenerNames([...listenerPorts.keys()], resources.gateways, (message, extras) =>
    report("error", "UMB0207", flags, message, extras),
  );
  const isServable =
    resolved.length > 0 ||
    resources.deployments.length > 0 ||
    (options.isGatewayNeeded === false && resources.pools.length > 0);
  if (!isServable && !hasErrors(diagnostics)) {
    report(
      "error",
      "UMB0201",
      start,
      "there is no Gateway with an HTTP listener in the files, so nothing can be served",
    );
  }
  const allPools = pools.all();
  const envoy = resolveEnvoy(resources, options.envoySettings ?? {}, report);
  const topology: Topology = {
    version: 1,
    listeners: withPickModes(resolved, allPools, poolPlaces(resources), report),
    pools: allPools,
    modelServers: modelServers(resources),
    ...(envoy.overrides === undefined ? {} : { envoy: envoy.overrides }),
  };
  for (const { index, message } of patchProblems(topology)) {
    const place = envoy.operationPlaces[index] ?? start;
    report("error", "UMB0243", place, `the patch can't be applied: ${message}`);
  }
  if (hasCrashingGuard(topology)) {
    const message = `the bootstrap of the EnvoyProxy ${crashingGuardEffect}`;
    report("warning", "UMB0330", envoy.proxyPlace ?? start, message);
  }
  lint(topology, resources, report);
  const conditioned = withDroppedRules(diagnostics, resources.routes);
  return { topology, certificates: certificates.all(), diagnostics: conditioned.toSorted(byPlace) };
}

/** A resource's short name has no effect where each resource that has it is named in full too. */
function checkNamedTwice(
  flag: string,
  given: ReadonlyMap<string, unknown>,
  resources: readonly { readonly namespace: string; readonly name: string }[],
  report: (message: string, extras: { readonly remedy: string }) => void,
): void {
  for (const [short, all] of Map.groupBy(resources, ({ name }) => name)) {
    const full = [...new Set(all.map(({ namespace }) => `${namespace}/${short}`))];
    if (!given.has(short) || !full.every((name) => given.has(name))) continue;
    const shown = full.slice(0, 10).map((name) => `"${name}"`);
    const message = `${flag} names one resource twice, as "${short}" and as ${shown.join(", ")}`;
    report(message, { remedy: "leave one out" });
  }
}

/** Each name is that of one listener, and each listener is named once. */
function checkListenerNames(
  given: readonly string[],
  gateways: Resources["gateways"],
  report: (message: string, extras: { readonly remedy?: string }) => void,
): void {
  const all = gateways.flatMap((gateway) =>
    gateway.listeners.map((listener) => ({ gateway, listener })),
  );
  const namesOf = all.map((each) => listenerNames(each.gateway, each.listener));
  const shortest = shortestNames(all);
  const namedBy = new Map<string, string>();
  for (const name of given) {
    const found = all.filter((_, i) => namesOf[i]?.includes(name));
    const [first] = found;
    if (first === undefined) {
      const known = namesOf.flat();
      report(`--listener names "${name}", which is no listener of the files`, meant(name, known));
    } else if (found.length > 1) {
      const remedy = `take one of ${found.slice(0, 10).map(shortest).join(", ")}`;
      report(`--listener names "${name}", which several Gateways have`, { remedy });
    } else {
      const listener = shortest(first);
      const other = namedBy.get(listener);
      namedBy.set(listener, name);
      if (other === undefined) continue;
      const message = `--listener names one listener twice, as "${other}" and as "${name}"`;
      report(message, { remedy: "leave one out" });
    }
  }
}

function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === "error");
}

function meant(name: string, known: readonly string[]): { readonly remedy?: string } {
  const near = nearest(name, known);
  if (near !== undefined) return { remedy: `did you mean "${near}"?` };
  const some = [...new Set(known)].slice(0, 10).join(", ");
  return some === "" ? {} : { remedy: `take one of those that are there: ${some}` };
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return compare(a.file, b.file) || byPosition(a, b);
}
