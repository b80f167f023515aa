import { crashingGuardEffect } from "./bootstrap/crashing-guard.ts";
import { hasCrashingGuard, patchProblems } from "./bootstrap/render.ts";
import type { Certificate } from "./certificate.ts";
import { compare } from "./compare.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { lint } from "./lint/lint.ts";
import { routesOf } from "./queries.ts";
import { createCertificateResolver } from "./resolve/certificates.ts";
import { withDroppedRules } from "./resolve/dropped-rules.ts";
import { embeddedPickerConfigs } from "./resolve/embedded-picker-configs.ts";
import { type ResolvedEnvoy, resolveEnvoy } from "./resolve/envoy.ts";
import { checkFlagNames } from "./resolve/flag-names.ts";
import { type AddressOptions, parseAddressRange } from "./resolve/gateway-addresses.ts";
import { createKnown, type Known } from "./resolve/known.ts";
import { type ResolvedListeners, resolveListeners } from "./resolve/listeners.ts";
import { checkLongestTurn, checkMemory } from "./resolve/memory-fit.ts";
import { createMirrorResolver } from "./resolve/mirrors.ts";
import { modelServers } from "./resolve/model-servers.ts";
import { checkPickerConfigs } from "./resolve/picking.ts";
import { createPolicyResolver } from "./resolve/policies.ts";
import { createPoolResolver } from "./resolve/pools.ts";
import { poolPlaces, withPickModes } from "./resolve/route-pick-modes.ts";
import { resourceName } from "./resource-ref.ts";
import { controllerName, isChosenByClass } from "./resources/own-gateways.ts";
import type { ReadResources } from "./resources/read-resources.ts";
import type { Place, Report } from "./resources/report.ts";
import { countResources, type Resources } from "./resources/resources.ts";
import type { RouteAttachment } from "./route-attachment.ts";
import { StatusFacts } from "./status/status-facts.ts";
import type { Topology } from "./topology.ts";
import type { TopologyOptions } from "./topology-options.ts";

export interface ResolveOptions extends TopologyOptions {
  /** True: the topology is served while it changes. What is absent may still come, which is no error. */
  readonly isLive?: boolean;
  /** True: the resources have every Pod and EndpointSlice, as an API server's have. */
  readonly hasAllPods?: boolean;
  /** What an earlier resolution has found out, where it still holds; absent: everything is resolved. */
  readonly known?: Known;
  /** The place of findings about the files as a whole. */
  readonly firstFile: string;
}

/** What resources mean together. */
export interface ResolvedTopology {
  /** Always servable: an error costs only what it concerns, which is left out. */
  readonly topology: Topology;
  /** Certificates and keys of the listeners, by Secret `<namespace>/<name>`. Never print them. */
  readonly certificates: ReadonlyMap<string, Certificate>;
  /** Sorted by file and place. */
  readonly diagnostics: readonly Diagnostic[];
  /** What became of each route at each listener that it names, in the order of the routes. */
  readonly attachments: readonly RouteAttachment[];
  /** Resources that were read. */
  readonly objects: number;
  /** What the statuses of the objects are made from: see `statusesOf`. */
  readonly statusFacts: StatusFacts;
  /** An error about Envoy as a whole, for which the last topology should continue to serve: in an EnvoySettings, an EnvoyProxy or its memory. */
  readonly refusal: string | undefined;
}

/** Resolves resources into a topology. Never throws. */
export function resolveTopology(
  { resources: read, diagnostics, report, told }: ReadResources,
  options: ResolveOptions,
): ResolvedTopology {
  const start = { file: options.firstFile, line: 1, column: 1 };
  const whole = createRefusal(report);
  const resources = withPickerConfigs(read, options, report);
  const envoy = resolveEnvoy(resources, options.envoySettings ?? {}, whole.report);
  const certificates = createCertificateResolver(resources, report);
  const { listeners, pools, mirrors, ...placed } = resolveTraffic(
    resources,
    { certificates, plainTimeoutMs: envoy.configuration.settings.shadowTimeoutMs },
    options,
    report,
  );
  const isServable =
    listeners.length > 0 ||
    resources.deployments.length > 0 ||
    (options.isGatewayNeeded === false && resources.pools.length > 0);
  if (!isServable && !diagnostics.some(({ severity }) => severity === "error")) {
    const message = options.hasOnlyOwnGateways
      ? `there is no Gateway with an HTTP listener whose class has the controllerName ${controllerName}`
      : "the resources contain no Gateway with an HTTP listener";
    report(options.isLive ? "warning" : "error", "UMB0201", start, message);
  }
  const topology: Topology = {
    version: 3,
    ...withPickModes({ listeners, pools, mirrors }, poolPlaces(resources), report),
    modelServers: modelServers(resources),
    envoy: envoy.configuration,
  };
  reportBootstrap(topology, envoy, start, whole.report);
  checkMemory(topology, envoy.settingsPlace ?? start, whole.report);
  checkLongestTurn(topology, envoy.settingsPlace ?? start, report);
  lint(topology, resources, report);
  return {
    ...{ topology, certificates: certificates.all(), objects: countResources(read) },
    attachments: placed.attachments,
    statusFacts: new StatusFacts({ ...placed, told, resources, listeners: topology.listeners }),
    diagnostics: withDroppedRules(diagnostics, resources.routes).toSorted(byPlace),
    refusal: whole.first() ?? brokenWhole(resources),
  };
}

/** Returns a report whose first error is kept. */
function createRefusal(report: Report) {
  let first: string | undefined;
  const kept: Report = (...told) => {
    const [severity, , , message] = told;
    if (severity === "error") first ??= message;
    report(...told);
  };
  return { report: kept, first: () => first };
}

/** Returns what to say about a resource with an error that configures Envoy as a whole. */
function brokenWhole({ envoySettings, envoyProxies }: Resources): string | undefined {
  const broken = [
    ...envoySettings.map((each) => ({ ...each, kind: "EnvoySettings" })),
    ...envoyProxies.map((each) => ({ ...each, kind: "EnvoyProxy" })),
  ].find(({ isBroken }) => isBroken);
  return broken && `${broken.kind} "${resourceName(broken)}" has an error`;
}

/** Adds configurations embedded in other resources, and removes those with an error. */
function withPickerConfigs(
  resources: Resources,
  { checkPickerConfig: check = () => [] }: TopologyOptions,
  report: Report,
): Resources {
  const embedded = embeddedPickerConfigs(resources, check, report);
  const all = { ...resources, pickerConfigs: [...resources.pickerConfigs, ...embedded] };
  return { ...all, pickerConfigs: [...checkPickerConfigs(all, check, report)] };
}

/** Resolves the listeners with their routes, and the pools and mirrors that they use. */
function resolveTraffic(
  resources: Resources,
  given: {
    readonly certificates: ReturnType<typeof createCertificateResolver>;
    readonly plainTimeoutMs: number;
  },
  options: ResolveOptions,
  report: Report,
): Pick<Topology, "pools" | "mirrors"> & ResolvedListeners {
  const { endpoints = new Map(), listenerPorts = new Map() } = options;
  const { pickModes = new Map(), pickers = new Map(), isStrict = false } = options;
  const { metricsPlaces = new Map() } = options;
  const { ownPickers } = options;
  const flags = { endpoints, pickModes, pickers, metricsPlaces };
  const knownPods = options.isLive ? (options.hasAllPods ? "all" : "some") : "serving";
  const pools = createPoolResolver({ resources, ...flags, ownPickers, knownPods, report });
  const { certificates, plainTimeoutMs } = given;
  const mirrors = createMirrorResolver({ isStrict, plainTimeoutMs });
  const { known = createKnown() } = options;
  known.hosts.begin();
  const policies = createPolicyResolver(resources.policies, resources.routes, report);
  const { listeners, ...placed } = resolveListeners(
    resources,
    { pools, policies, mirrors, certificates, known },
    { ports: listenerPorts, addresses: addressOptions(options, resources) },
    report,
  );
  const { isLive = false, gatewayClass } = options;
  const all = { ...flags, listenerPorts, isLive, gatewayClass };
  checkFlagNames(all, resources, pools.all(), report);
  const named = new Set(routesOf({ listeners }).flatMap((route) => route.mirrors));
  const used = [...named].flatMap((name) => mirrors.byName.get(name) ?? []);
  return { ...placed, listeners, pools: pools.all(), mirrors: used };
}

/** Where Gateways listen. The range was checked when it was given. */
function addressOptions(
  { bindAddress = "0.0.0.0", gatewayAddresses, ...choice }: ResolveOptions,
  { gatewayClasses }: Resources,
): AddressOptions {
  const range = gatewayAddresses === undefined ? undefined : parseAddressRange(gatewayAddresses);
  return { bindAddress, range, honoursSpec: isChosenByClass(choice, gatewayClasses) };
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return compare(a.file, b.file) || a.line - b.line || a.column - b.column;
}

/** Reports problems that only the rendered bootstrap shows: failed patches, and a guard that crashes Envoy. */
function reportBootstrap(
  topology: Topology,
  { operationPlaces, proxyPlace }: Pick<ResolvedEnvoy, "operationPlaces" | "proxyPlace">,
  start: Place,
  report: Report,
): void {
  for (const { index, message } of patchProblems(topology)) {
    const place = operationPlaces[index] ?? start;
    report("error", "UMB0243", place, `can't apply the patch: ${message}`);
  }
  if (hasCrashingGuard(topology)) {
    const message = `the bootstrap of the EnvoyProxy ${crashingGuardEffect}`;
    report("warning", "UMB0330", proxyPlace ?? start, message);
  }
}
