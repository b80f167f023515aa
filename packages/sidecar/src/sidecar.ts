import { setTimeout as sleep } from "node:timers/promises";
import {
  allPrimaryPools,
  bytesText,
  heldRequestBytes,
  type PolicyVerdict,
  type Topology,
} from "@umbra/envoy-config";
import { createExtProcServer, type ExtProcServer } from "@umbra/ext-proc";
import { defined } from "@umbra/shadow/defined";
import { startAdminServer } from "./admin/admin-server.ts";
import { type HttpServer, serveRoutes } from "./admin/http-routes.ts";
import { probeRoutes } from "./admin/probe-routes.ts";
import { createGone, type Gone } from "./apply/gone.ts";
import { createSidecarServing, heldBytes, type SidecarServing } from "./apply/sidecar-serving.ts";
import { assemble, now, type SidecarParts } from "./assemble.ts";
import { addConfigurationMetrics } from "./configuration/configuration-metrics.ts";
import type { AppliedConfiguration } from "./configuration/configuration-rollout.ts";
import { addFollowedKindsMetrics, problemsOf } from "./configuration/followed-kinds.ts";
import {
  createLiveConfiguration,
  type LiveConfiguration,
} from "./configuration/live-configuration.ts";
import { addStatusWritesMetrics, type StatusWrites } from "./configuration/status-writes.ts";
import { PolicyVerdicts } from "./evaluation/policy-verdicts.ts";
import type { MetricFamily } from "./metrics/exposition.ts";
import { version } from "./metrics/process-metrics.ts";
import { withOwnMemory } from "./own-memory.ts";
import { addPeerMetrics } from "./peers/peer-metrics.ts";
import { type Peers, startPeers } from "./peers/peers.ts";
import { createReadiness, type Readiness } from "./readiness.ts";
import { observeExchange } from "./requests/observe.ts";
import { pickExchange } from "./requests/pick-exchange.ts";
import { type EndpointKey, openEndpointKey } from "./scrape/endpoint-key.ts";
import { logPageChange } from "./scrape/page-outcome.ts";
import { type ScrapeLoop, startScrapeLoop } from "./scrape/scrape-loop.ts";
import type { SidecarOptions } from "./sidecar-options.ts";
import { type OpenCertificates, openCertificates } from "./tls/certificates.ts";
import { loadTracing } from "./traces/open-telemetry.ts";
import type { BeginTrace } from "./traces/request-trace.ts";

export interface Sidecar {
  /** The bound address. */
  readonly grpcAddress: string;
  readonly adminAddress: string;
  /** Where only the probes and the metrics are served; undefined without `probes`. */
  readonly probesAddress: string | undefined;
  /** Where ADS is served; undefined without `ads`. */
  readonly adsAddress: string | undefined;
  /** Where peers connect; undefined without `peers`. */
  readonly peersAddress: string | undefined;
  /** Replaces the addresses of the peers; no effect without `peers`. */
  setPeers(addresses: readonly string[]): void;
  /** The metrics of `/metrics`, except those of Node.js. */
  readonly metrics: readonly MetricFamily[];
  /** Changes what the sidecar serves, in steps, so that Envoy can follow in between. */
  readonly serving: SidecarServing;
  /**
   * Serves another configuration, and gives it to the Envoys that ask for one. Throws if it can't be served; the one
   * before stays then.
   */
  apply(configuration: AppliedConfiguration): void;
  /** What evaluations have found, by `<namespace>/<name>` of the ShadowPolicy: the same map while nothing has changed. */
  verdicts(): ReadonlyMap<string, PolicyVerdict>;
  /** Counts an uncaught error. */
  faulted(): void;
  /**
   * Becomes not ready, keeps picking for `drainMs` (0 when absent), lets running requests finish within `graceMs`,
   * then closes.
   */
  close(graceMs: number, drainMs?: number): Promise<void>;
}

const scrapeTimeoutMs = 1_000;
const noKinds = (): readonly [] => [];
const noWrites = (): StatusWrites => ({
  ...{ isHolder: false, pending: 0, counts: new Map(), problems: [] },
});

/** What does not work as usual, although the sidecar is ready. */
function degradedBy({ followedKinds, statusWrites }: SidecarOptions): readonly string[] {
  return [...problemsOf(followedKinds ?? noKinds), ...(statusWrites?.().problems ?? [])];
}

/** Starts the sidecar: scraping, ext_proc, evaluations and admin interface. Throws if it can't listen on an address. */
export async function startSidecar(given: SidecarOptions): Promise<Sidecar> {
  const options = { ...given, topology: inOwnMemory(given) };
  const { log, endpointKeyFile, tls } = options;
  const tracing = options.traces === true ? await loadTracing(version) : undefined;
  if (tracing?.hasSdk === false) {
    log.warn("no OpenTelemetry SDK is loaded: traces are not recorded (docs/traces.md)");
  }
  const key =
    endpointKeyFile === undefined ? undefined : await openEndpointKey(endpointKeyFile, log);
  const certificates = tls === undefined ? undefined : await openCertificates(tls, log);
  const { parts, server, scraping, serving, gone } = wire(given, options, {
    beginTrace: tracing?.begin,
    key,
    certificates,
  });
  const { pools, metrics } = parts;
  certificates?.watch((next) => server.setCertificates(next));
  const timers = startTimers(parts, gone);
  const readiness = createReadiness({
    hasScraped: () => scraping.hasTried(awaitedPools(serving, parts)),
    absentPool: () => absentPool(parts),
    envoyAdmin: options.envoyAdmin,
    setServing: (isServing) => server.setServing(isServing),
  });
  const live = createLive(options, parts, serving);
  const opened: HttpServer[] = [];
  const peers = createSidecarPeers(options, parts);
  const verdicts = new PolicyVerdicts();

  async function tearDown(graceMs: number): Promise<void> {
    for (const timer of timers) clearInterval(timer);
    certificates?.close();
    key?.close();
    await peers.close();
    await closeStreams(server, pools, graceMs);
    // Last: an Envoy that is restarted meanwhile needs its configuration.
    await live.close();
    await Promise.all([scraping.close(), endJudging(parts)]);
    await Promise.all(opened.map((each) => each.close()));
    metrics.close();
  }

  try {
    const grpcAddress = await server.listen(options.grpc);
    const adsAddress = await live.listen();
    await peers.start();
    const { admin, probes } = await openPages(options, parts, { readiness, live, opened });
    readiness.begin();
    log.info({ grpc: grpcAddress, admin: admin.address, pools: [...pools.keys()] }, "serving");
    return {
      ...{ grpcAddress, adminAddress: admin.address, probesAddress: probes?.address, adsAddress },
      ...{ peersAddress: peers.address(), setPeers: peers.setAddresses, apply: live.apply },
      verdicts: () => verdicts.update(parts.evaluations.latest.reports),
      ...{ metrics: metrics.exposition.families, faulted: metrics.faulted, serving },
      async close(graceMs, drainMs = 0) {
        readiness.end();
        if (drainMs > 0) await sleep(drainMs);
        await tearDown(graceMs);
      },
    };
  } catch (cause) {
    readiness.end();
    await tearDown(0).catch((err: unknown) => log.error({ err }, "the cleanup failed"));
    throw cause;
  }
}

interface Opening {
  readonly readiness: Readiness;
  readonly live: LiveConfiguration;
  /** Gets what has been opened, also if this fails later. */
  readonly opened: HttpServer[];
}

async function openPages(
  options: SidecarOptions,
  { evaluations, metrics, mirrors, pools, recorder }: SidecarParts,
  { readiness, live, opened }: Opening,
): Promise<{ readonly admin: HttpServer; readonly probes: HttpServer | undefined }> {
  const asked = {
    metrics: metrics.exposition,
    notReady: readiness.missing,
    degraded: () => degradedBy(options),
  };
  const admin = await startAdminServer(options.admin, {
    ...{ ...asked, pools, mirrors, recorder, evaluations },
    configuration: live.state,
    knownModel: metrics.labels.model,
    ...{ token: options.adminToken, log: options.log },
  });
  opened.push(admin);
  if (options.probes === undefined) return { admin, probes: undefined };
  const probes = await serveRoutes(options.probes, probeRoutes(asked));
  opened.push(probes);
  return { admin, probes };
}

/** The peers, which start once this process serves. */
function createSidecarPeers(
  { peers: options, log }: SidecarOptions,
  { pools, mirrors, evaluations, metrics }: SidecarParts,
) {
  let peers: Peers | undefined;
  addPeerMetrics(metrics.exposition, () => peers);
  return {
    async start(): Promise<void> {
      if (options === undefined) return;
      peers = await startPeers(options, {
        ...{ pools, now, random: Math.random, log },
        ask: (about) => evaluations.ask(about),
        onShare: (share) => mirrors.setBudgetShare(share),
      });
    },
    address: () => peers?.address,
    setAddresses: (addresses: readonly string[]) => peers?.setAddresses(addresses),
    close: async () => peers?.close(),
  };
}

function startTimers(parts: SidecarParts, gone: Gone): readonly NodeJS.Timeout[] {
  return [
    setInterval(() => parts.pick.live.expire(), 1_000).unref(),
    setInterval(gone.sweep, 1_000).unref(),
    setInterval(() => parts.servingMirrors.sweep(), 1_000).unref(),
    setInterval(() => parts.pick.captures?.expire(), 60_000).unref(),
  ];
}

/** Limits the sidecar's memory to its container. */
function inOwnMemory({ topology: given, log }: Pick<SidecarOptions, "topology" | "log">): Topology {
  const topology = ownMemory(given);
  if (topology !== given) {
    const { sidecarMemoryBytes } = topology.envoy.settings;
    log.warn(
      { usable: bytesText(sidecarMemoryBytes), held: bytesText(heldRequestBytes(topology)) },
      "sidecarMemory exceeds nine tenths of the container's memory: using a lower limit",
    );
  }
  return topology;
}

function ownMemory(topology: Topology): Topology {
  return withOwnMemory(topology, process.constrainedMemory());
}

interface Opened {
  readonly beginTrace: BeginTrace | undefined;
  readonly key: EndpointKey | undefined;
  readonly certificates: OpenCertificates | undefined;
}

/** Connects the parts to their server and scrapers, and lets them follow the topology. */
function wire(
  { topology: started, log }: SidecarOptions,
  options: SidecarOptions,
  { beginTrace, key, certificates }: Opened,
) {
  let follower: ScrapeLoop | undefined;
  const gone = createGone(() => [parts.metrics, parts.load]);
  const parts: SidecarParts = assemble(options, {
    onGone() {
      gone.note();
      // Undefined while the parts are created.
      follower?.update();
    },
    beginTrace,
    authorization: key?.authorization,
  });
  const server = createServer(parts, options, certificates);
  const scraping = startScraping(parts, options, key);
  follower = scraping;
  const serving = createSidecarServing({
    ...{ parts, scraping, server, gone, started, log },
    inOwnMemory: ownMemory,
    hasKey: key !== undefined,
  });
  return { parts, server, scraping, serving, gone };
}

/** A dead or hanging shadow pool must not delay readiness. */
function awaitedPools({ topology }: SidecarServing, { pick }: SidecarParts): ReadonlySet<string> {
  const byDefault = pick.gateway.pool();
  return new Set([...allPrimaryPools(topology), ...(byDefault === undefined ? [] : [byDefault])]);
}

/** The pool of streams that name none, while it does not exist. */
function absentPool({ pick, pools }: SidecarParts): string | undefined {
  const byDefault = pick.gateway.pool();
  return byDefault === undefined || pools.get(byDefault) !== undefined ? undefined : byDefault;
}

function createLive(
  { ads, onRollout, followedKinds, statusWrites, log }: SidecarOptions,
  { metrics }: SidecarParts,
  serving: SidecarServing,
): LiveConfiguration {
  const live = createLiveConfiguration({ serving, ...onRollout, ...defined({ ads }), log });
  addConfigurationMetrics(metrics.exposition, live.state);
  addFollowedKindsMetrics(metrics.exposition, followedKinds ?? noKinds);
  addStatusWritesMetrics(metrics.exposition, statusWrites ?? noWrites);
  return live;
}

/** Lets running requests finish within `graceMs`. Queued ones may wait for most of that time, and are then refused. */
async function closeStreams(
  server: ExtProcServer,
  pools: SidecarParts["pools"],
  graceMs: number,
): Promise<void> {
  const closeQueues = () => pools.closeQueues();
  // In time to be answered.
  const refusing = setTimeout(closeQueues, 0.8 * graceMs);
  await server.close(graceMs);
  clearTimeout(refusing);
  closeQueues();
}

async function endJudging({ answers, evaluations, judges, pick }: SidecarParts): Promise<void> {
  // The last results are still evaluated.
  await answers.close();
  await pick.captures?.close();
  await judges.close();
  await evaluations.close();
}

function createServer(
  { pick, observe, metrics }: SidecarParts,
  { log, topology }: SidecarOptions,
  certificates: OpenCertificates | undefined,
): ExtProcServer {
  return createExtProcServer({
    processor: {
      pick: (stream) => pickExchange(stream, pick),
      observe: (stream) => observeExchange(stream, observe),
    },
    now,
    onAccessLog: (line) => pick.live.logged(line),
    onStreamStart: metrics.streamOpened,
    onStreamEnd: metrics.streamEnded,
    maxBodyBytes: pick.maxBodyBytes,
    maxHeldBytes: heldBytes(topology),
    ...(certificates === undefined ? {} : { tls: certificates.first }),
    onNoRoom: metrics.streamWithoutRoom,
    onError(cause) {
      metrics.streamFailed();
      log.error({ err: cause }, "an ext_proc stream failed");
    },
  });
}

function startScraping(
  { pools, metrics }: SidecarParts,
  { log, scrapeIntervalMs = 100, staleAfterMs = 2_000 }: SidecarOptions,
  key: EndpointKey | undefined,
): ScrapeLoop {
  return startScrapeLoop({
    now,
    random: Math.random,
    pools,
    intervalMs: scrapeIntervalMs,
    staleAfterMs,
    timeoutMs: scrapeTimeoutMs,
    onScrape: metrics.scraped,
    authorization: key?.authorization,
    onModelList: metrics.modelListRead,
    onPageChange: (report) => logPageChange(report, log),
  });
}
