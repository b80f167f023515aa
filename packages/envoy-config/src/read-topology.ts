import { crashingGuardEffect } from "./bootstrap/crashing-guard.ts";
import { hasCrashingGuard, patchProblems } from "./bootstrap/render.ts";
import type { Certificate } from "./certificate.ts";
import { compare } from "./compare.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { EnvoySettings } from "./envoy-settings.ts";
import { lint } from "./lint/lint.ts";
import { routesOf } from "./queries.ts";
import { createCertificateResolver } from "./resolve/certificates.ts";
import { withDroppedRules } from "./resolve/dropped-rules.ts";
import { embeddedPickerConfigs } from "./resolve/embedded-picker-configs.ts";
import { type ResolvedEnvoy, resolveEnvoy } from "./resolve/envoy.ts";
import { checkFlagNames } from "./resolve/flag-names.ts";
import { resolveListeners } from "./resolve/listeners.ts";
import { checkMemory } from "./resolve/memory-fit.ts";
import { createMirrorResolver } from "./resolve/mirrors.ts";
import { modelServers } from "./resolve/model-servers.ts";
import { type CheckPickerConfig, checkPickerConfigs } from "./resolve/picking.ts";
import { createPolicyResolver } from "./resolve/policies.ts";
import { createPoolResolver } from "./resolve/pools.ts";
import { poolPlaces, withPickModes } from "./resolve/route-pick-modes.ts";
import { readResources, type SourceFile } from "./resources/read-resources.ts";
import type { Place, Report } from "./resources/report.ts";
import { countResources, type Resources } from "./resources/resources.ts";
import type { ExternalPicker, MetricsPlaceSettings, PickMode, Topology } from "./topology.ts";

export interface TopologyOptions {
  /** Endpoints by resource name or `namespace/name`. They override the files. */
  readonly endpoints?: ReadonlyMap<string, readonly string[]>;
  /** Pick modes by resource name or `namespace/name`. They override annotations. */
  readonly pickModes?: ReadonlyMap<string, PickMode>;
  /** Locations of metrics pages, by resource name or `namespace/name`. They override annotations. */
  readonly metricsPlaces?: ReadonlyMap<string, MetricsPlaceSettings>;
  /** Ports by listener name. */
  readonly listenerPorts?: ReadonlyMap<string, number>;
  /** Third-party endpoint pickers, by name or `namespace/name` of the InferencePool. */
  readonly pickers?: ReadonlyMap<string, ExternalPicker>;
  /** True: a rule with an unresolved mirror answers 500. False: it serves without the mirror. */
  readonly isStrict?: boolean;
  /** `0.0.0.0` when absent. */
  readonly bindAddress?: string;
  /** False for third-party gateways, which need only pools. True when absent. */
  readonly isGatewayNeeded?: boolean;
  /** Settings that override an EnvoySettings in the files. */
  readonly envoySettings?: Partial<EnvoySettings>;
  /** Checks EndpointPickerConfigs against the scheduler's plugins. Absent: they are not checked. */
  readonly checkPickerConfig?: CheckPickerConfig;
}

export interface TopologyRead {
  /** Only valid if no diagnostic is an error. */
  readonly topology: Topology;
  /** Certificates and keys of the listeners, by Secret `<namespace>/<name>`. Never print them. */
  readonly certificates: ReadonlyMap<string, Certificate>;
  /** Sorted by file and place. */
  readonly diagnostics: readonly Diagnostic[];
  /** Resources that were read. */
  readonly objects: number;
}

/** Reads resources into a topology. Never throws: reports all problems as diagnostics in one pass. */
export function readTopology(
  files: readonly SourceFile[],
  options: TopologyOptions = {},
): TopologyRead {
  const { resources, diagnostics, report } = readResources(files);
  const objects = countResources(resources);
  const start = { file: files[0]?.name ?? "-", line: 1, column: 1 };
  const check = options.checkPickerConfig ?? (() => []);
  // First find configurations embedded in other resources, then check all.
  resources.pickerConfigs.push(...embeddedPickerConfigs(resources, check, report));
  checkPickerConfigs(resources, check, report);
  const envoy = resolveEnvoy(resources, options.envoySettings ?? {}, report);
  const certificates = createCertificateResolver(resources, report);
  const { listeners, pools, mirrors } = resolveTraffic(
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
    const message = "the files contain no Gateway with an HTTP listener";
    report("error", "UMB0201", start, message);
  }
  const topology: Topology = {
    version: 2,
    ...withPickModes({ listeners, pools, mirrors }, poolPlaces(resources), report),
    modelServers: modelServers(resources),
    envoy: envoy.configuration,
  };
  reportBootstrap(topology, envoy, start, report);
  checkMemory(topology, envoy.settingsPlace ?? start, report);
  lint(topology, resources, report);
  const conditioned = withDroppedRules(diagnostics, resources.routes);
  return {
    ...{ topology, certificates: certificates.all(), objects },
    diagnostics: conditioned.toSorted(byPlace),
  };
}

/** Resolves the listeners with their routes, and the pools and mirrors that they use. */
function resolveTraffic(
  resources: Resources,
  given: {
    readonly certificates: ReturnType<typeof createCertificateResolver>;
    readonly plainTimeoutMs: number;
  },
  options: TopologyOptions,
  report: Report,
): Pick<Topology, "listeners" | "pools" | "mirrors"> {
  const { endpoints = new Map(), listenerPorts = new Map(), bindAddress = "0.0.0.0" } = options;
  const { pickModes = new Map(), pickers = new Map(), isStrict = false } = options;
  const { metricsPlaces = new Map() } = options;
  const flags = { endpoints, pickModes, pickers, metricsPlaces };
  const pools = createPoolResolver({ resources, ...flags, report });
  const { certificates, plainTimeoutMs } = given;
  const mirrors = createMirrorResolver({ pools, isStrict, plainTimeoutMs }, report);
  const policies = createPolicyResolver(resources.policies, resources.routes, report);
  const listeners = resolveListeners(
    resources,
    { pools, policies, mirrors, certificates },
    { ports: listenerPorts, bindAddress },
    report,
  );
  checkFlagNames({ ...flags, listenerPorts }, resources, pools.all(), report);
  const named = new Set(routesOf({ listeners }).flatMap((route) => route.mirrors));
  const used = [...named].flatMap((name) => mirrors.byName.get(name) ?? []);
  return { listeners, pools: pools.all(), mirrors: used };
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
