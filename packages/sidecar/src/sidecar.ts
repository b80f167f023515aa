import { setTimeout as sleep } from "node:timers/promises";
import { allPrimaryPools, type Pool, type Topology } from "@umbra/envoy-config";
import { createExtProcServer } from "@umbra/ext-proc";
import { createBodyDecoder } from "@umbra/openai/decode";
import type { PoolEvent } from "@umbra/scheduler";
import { createRecorder, type ShadowReport } from "@umbra/shadow";
import type { Logger } from "pino";
import { createAccounts } from "./accounts.ts";
import { startAdminServer } from "./admin/admin-server.ts";
import { isEnvoyReady } from "./admin/envoy-ready.ts";
import { createCaptures } from "./capture/captures.ts";
import { newSecret, startEvaluations } from "./evaluation/evaluations.ts";
import { createLoadCount } from "./evaluation/load-count.ts";
import { createShadowMetrics } from "./evaluation/shadow-metrics.ts";
import { backendPaths } from "./exchange/backend-paths.ts";
import { EndpointAnswers } from "./exchange/endpoint-answers.ts";
import { type GatewayOptions, gatewayProtocol } from "./exchange/gateway-stream.ts";
import type { MetricFamily } from "./metrics/exposition.ts";
import { version } from "./metrics/process-metrics.ts";
import { createSidecarMetrics } from "./metrics/sidecar-metrics.ts";
import { createMirrorRegistry, type MirrorRegistry } from "./mirror/mirror-registry.ts";
import { createPoolRegistry } from "./pools/pool-registry.ts";
import { createRequestLog } from "./request-log.ts";
import { LiveRequests } from "./requests/live-requests.ts";
import { type ObserveOptions, observeExchange } from "./requests/observe.ts";
import { pickExchange } from "./requests/pick-exchange.ts";
import type { PickOptions } from "./requests/pick-options.ts";
import { openEndpointKey } from "./scrape/endpoint-key.ts";
import type { PageReport } from "./scrape/page-outcome.ts";
import { startScrapeLoop } from "./scrape/scrape-loop.ts";
import { unverifiedEndpoints } from "./scrape/unverified-tls.ts";
import { type CertificateSource, openCertificates } from "./tls/certificates.ts";
import { loadTracing } from "./traces/open-telemetry.ts";

export interface SidecarOptions {
  readonly topology: Topology;
  /** Where ext_proc is served: `host:port` or `unix:/path`; port 0 takes a free one. */
  readonly grpc: string;
  /** Absent: ext_proc is served in plaintext. */
  readonly tls?: CertificateSource;
  /** Where the admin interface is served. Keep it on loopback. */
  readonly admin: { readonly host: string; readonly port: number };
  readonly log: Logger;
  /** Envoy's admin interface, when readiness includes Envoy. */
  readonly envoyAdmin?: string;
  /** What the topology says when absent. Larger bodies are answered 413. */
  readonly maxBodyBytes?: number;
  /** How long the gateway waits for a decision at most, in ms; as the topology's `maxQueueTime` says when absent. */
  readonly maxWaitMs?: number;
  /** File with the key that Umbra's own requests to endpoints carry, read again when it changes; absent: none is sent. */
  readonly endpointKeyFile?: string;
  /** Shortest time between two scrapes of an endpoint, in ms; 100 when absent. */
  readonly scrapeIntervalMs?: number;
  /** Age from which metrics count as stale, in ms; 2,000 when absent. */
  readonly staleAfterMs?: number;
  /** NDJSON that samples are appended to; kept in memory only when absent. */
  readonly samplesFile?: string;
  /** Time between two looks at the evaluations, in ms; 5,000 when absent. */
  readonly lookEveryMs?: number;
  /** Keeps redacted texts of the pairs that differ most, for `retentionMs`. Absent: no text is kept anywhere. */
  readonly capture?: {
    readonly folder: string;
    readonly limit: number;
    readonly retentionMs: number;
  };
  /** How gateways are spoken to that Umbra has not rendered. */
  readonly gateway?: GatewayOptions;
  /** Endpoints named after the picked one; absent: as a pool's configuration says, else 2, and none to a gateway that Umbra has not rendered. */
  readonly fallbacks?: number;
  /** Metrics also under the names of the reference endpoint picker, for dashboards that know those. */
  readonly compatMetrics?: boolean;
  /** Spans of each request, by the OpenTelemetry SDK that the process was started with. */
  readonly traces?: boolean;
  /** Lets changing admin calls come from anywhere; without it, from loopback only. */
  readonly adminToken?: string;
}

export interface Sidecar {
  /** As bound. */
  readonly grpcAddress: string;
  readonly adminAddress: string;
  /** What `/metrics` shows besides those of Node.js. */
  readonly metrics: readonly MetricFamily[];
  /**
   * Says that it is not ready, takes picks for `drainMs` more (0 when absent), lets those under way end within `graceMs`, then
   * closes.
   */
  close(graceMs: number, drainMs?: number): Promise<void>;
}

const scrapeTimeoutMs = 1_000;

/** What changes how requests are picked; the picks themselves are counted, not logged. */
function logPoolEvent(event: PoolEvent, log: Logger): void {
  if (event.type === "ejected") {
    log.warn(event, "an endpoint has failed again and again: it gets no requests for a while");
  } else if (event.type === "avoided") {
    log.warn(
      event,
      "an endpoint answers more often with errors than the others: it gets few requests",
    );
  } else if (event.type === "reinstated" || event.type === "restarted") {
    log.info(event, `an endpoint was ${event.type}`);
  }
}

/** Said once for each change. */
function logPageChange({ reason, outcome, ...report }: PageReport, log: Logger): void {
  if (outcome === "ok") log.info(report, "an endpoint's page can be read");
  else log.warn({ ...report, outcome, reason }, "an endpoint's page can't be read");
}

function warnOfUnverifiedTls(pools: readonly Pool[], log: Logger): void {
  for (const pool of pools) {
    const endpoints = unverifiedEndpoints(pool).length;
    if (endpoints === 0) continue;
    log.warn(
      { pool: pool.name, endpoints },
      "the endpoint key is sent over TLS that is not verified: another server at an endpoint's address would get it; add a BackendTLSPolicy (UMB0418)",
    );
  }
}

/** Starts the sidecar: scraping, ext_proc, the evaluations and the admin interface. Throws when an address can't be bound. */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { topology, log } = options;
  const tracing = options.traces === true ? await loadTracing(version) : undefined;
  if (tracing?.hasSdk === false) {
    log.warn("traces are on, but no OpenTelemetry SDK is loaded: none is kept (docs/traces.md)");
  }
  const endpointKey =
    options.endpointKeyFile === undefined
      ? undefined
      : await openEndpointKey(options.endpointKeyFile, log);
  const maxBodyBytes = options.maxBodyBytes ?? topology.envoy.settings.maxBodyBytes;
  const maxWaitMs = options.maxWaitMs ?? topology.envoy.settings.maxQueueMs;
  const now = () => performance.now();
  const clock = { now, random: Math.random };
  const pools = createPoolRegistry(topology, {
    ...clock,
    staleAfterMs: options.staleAfterMs ?? 2_000,
    maxWaitMs,
    timeEvery: 64,
    ...(options.fallbacks === undefined ? {} : { fallbacks: options.fallbacks }),
    onEvent(event) {
      metrics.poolTold(event);
      logPoolEvent(event, log);
    },
    onQueue: (pool, event) => metrics.queueTold(pool, event),
  });
  if (endpointKey !== undefined) {
    warnOfUnverifiedTls(
      topology.pools.filter(({ name }) => pools.has(name)),
      log,
    );
  }
  const gateway = gatewayProtocol(options.gateway ?? {}, pools.keys(), backendPaths(topology));
  const registry = createMirrorRegistry(topology, now);
  const secret = newSecret();
  const load = createLoadCount(pools);
  const captures =
    options.capture === undefined ? undefined : createCaptures({ ...options.capture, secret });
  const evaluations = startEvaluations({
    topology,
    registry,
    pools,
    load,
    secret,
    samplesFile: options.samplesFile,
    lookEveryMs: options.lookEveryMs ?? 5_000,
    captured: () => captures?.count ?? 0,
    onLook: (reports) => protectPrimary(reports, registry, log),
    onTrouble: (text) => log.error(text),
  });
  const recorder = createRecorder({
    now,
    onPair(pair, mirror) {
      shadowMetrics.paired(pair.shadow.pool, pair);
      evaluations.paired(pair, mirror);
      captures?.paired(pair, mirror, registry.gateOf(mirror)?.route ?? "");
    },
    onLost(primary, mirror) {
      const gate = registry.gateOf(mirror);
      if (gate !== undefined) shadowMetrics.lost(gate.candidate);
      gate?.finished(primary.requestId);
      evaluations.lost(primary, mirror);
    },
    onUnmirrored(primary, of) {
      const gate = registry.gateOf(of.mirror);
      if (gate !== undefined) shadowMetrics.unmirrored(gate.candidate, primary);
      evaluations.unmirrored(primary, of);
    },
    onLeg(leg) {
      answers.measured(leg);
      accounts.answered(leg);
    },
    onShadow(shadow, mirror) {
      const tokens = (shadow.promptTokens ?? 0) + (shadow.outTokens ?? 0);
      const isError = shadow.class !== "ok" && shadow.class !== "propagated_cancel";
      registry.gateOf(mirror)?.finished(shadow.requestId, { isError, tokens });
    },
  });
  const answers = new EndpointAnswers({
    now,
    poolOfMirror: (mirror) => registry.gateOf(mirror)?.candidate,
    onNotFound: (pool, address) => pools.get(pool)?.served.doubt(address),
  });
  const metrics = createSidecarMetrics({
    topology,
    pools,
    now,
    pairs: () => recorder.stats().pairs,
    isCompatible: options.compatMetrics ?? false,
  });
  const accounts = createAccounts({
    metrics,
    now,
    onPicked: load.picked,
    beginTrace: tracing?.begin,
    log: createRequestLog(log, now),
  });
  const shadowMetrics = createShadowMetrics({
    metrics: metrics.exposition,
    gates: registry.gates,
    latest: () => evaluations.latest,
  });
  const live = new LiveRequests({
    now,
    canCancel: (mirror) => registry.gateOf(mirror)?.mirror.policy !== undefined,
    onCancel: () => metrics.twinCancelled(),
  });
  const pickOptions: PickOptions = {
    pools,
    gateway,
    live,
    answers,
    captures,
    maxBodyBytes,
    maxWaitMs,
    decoder: createBodyDecoder({ maxBytes: maxBodyBytes }),
    now,
    authorization: endpointKey?.authorization,
    mirroring: { registry, secret, random: Math.random, onDropped: evaluations.dropped },
    openAccount: accounts.open,
    onTwinRefused(requestId, mirror, pool) {
      const leg = recorder.begin({ requestId, lane: "shadow", pool, mirrors: [mirror] });
      leg?.responseHeaders({ status: 503, contentType: "application/json" });
      leg?.end("complete");
    },
    onTwinOver: (requestId, mirror) => registry.gateOf(mirror)?.finished(requestId),
  };

  const observeOptions: ObserveOptions = {
    recorder,
    live,
    captures,
    timeoutOf: (mirror) => registry.gateOf(mirror)?.mirror.requestTimeoutMs,
  };
  const certificates =
    options.tls === undefined ? undefined : await openCertificates(options.tls, log);
  const server = createExtProcServer({
    processor: {
      pick: (stream) => pickExchange(stream, pickOptions),
      observe: (stream) => observeExchange(stream, observeOptions),
    },
    now,
    onAccessLog: (entry) => answers.logged(entry),
    onStreamStart: metrics.streamOpened,
    onStreamEnd: metrics.streamEnded,
    maxBodyBytes,
    ...(certificates === undefined ? {} : { tls: certificates.first }),
    onError(cause) {
      metrics.streamFailed();
      log.error({ err: cause }, "an ext_proc stream failed");
    },
  });
  certificates?.watch((next) => server.setCertificates(next));
  const scraping = startScrapeLoop({
    ...clock,
    pools,
    intervalMs: options.scrapeIntervalMs ?? 100,
    staleAfterMs: options.staleAfterMs ?? 2_000,
    timeoutMs: scrapeTimeoutMs,
    onScrape: metrics.scraped,
    reach: topology.pools,
    authorization: endpointKey?.authorization,
    onModelList: metrics.modelListRead,
    onPageChange: (report) => logPageChange(report, log),
  });
  const sweeping = setInterval(() => {
    recorder.expire();
    answers.expire();
    live.expire();
    for (const gate of registry.gates) gate.expire();
  }, 1_000).unref();
  const forgetting = setInterval(() => captures?.expire(), 600_000).unref();
  // A shadow pool that is dead or hangs must not hold readiness back.
  const awaited = new Set(allPrimaryPools(topology));
  if (gateway.pool !== undefined) awaited.add(gateway.pool);

  let isClosing = false;
  let looking: NodeJS.Timeout | undefined;
  /** The health service says what readiness is: the picks of a sidecar that has seen no metrics are blind. */
  const serveWhenReady = (): void => {
    if (scraping.hasTried(awaited)) server.setServing(true);
    else looking = setTimeout(serveWhenReady, 20);
  };
  const closeQueues = (): void => {
    for (const { queue } of pools.values()) queue?.close();
  };

  const notReady = async (): Promise<readonly string[]> => {
    const missing: string[] = [];
    if (isClosing) missing.push("a sidecar that goes on: this one is ending");
    if (!scraping.hasTried(awaited)) missing.push("a first scrape of every endpoint");
    if (options.envoyAdmin !== undefined && !(await isEnvoyReady(options.envoyAdmin))) {
      missing.push(
        `Envoy (its admin interface at ${options.envoyAdmin}), and that it reaches this sidecar`,
      );
    }
    return missing;
  };

  try {
    const grpcAddress = await server.listen(options.grpc);
    const admin = await startAdminServer(options.admin, {
      pools,
      recorder,
      metrics: metrics.exposition,
      gates: registry.gates,
      notReady,
      reports: () => evaluations.reports(),
      latestReports: () => evaluations.latest,
      token: options.adminToken,
    });
    serveWhenReady();
    log.info({ grpc: grpcAddress, admin: admin.address, pools: [...pools.keys()] }, "serving");
    return {
      grpcAddress,
      adminAddress: admin.address,
      metrics: metrics.exposition.families,
      async close(graceMs, drainMs = 0) {
        isClosing = true;
        clearTimeout(looking);
        server.setServing(false);
        if (drainMs > 0) await sleep(drainMs);
        clearInterval(sweeping);
        clearInterval(forgetting);
        // Those that wait have most of the grace for their turn; the others learn of the end in time to be answered.
        const refusing = setTimeout(closeQueues, 0.8 * graceMs);
        certificates?.close();
        endpointKey?.close();
        await server.close(graceMs);
        clearTimeout(refusing);
        closeQueues();
        await Promise.all([scraping.close(), evaluations.close(), admin.close()]);
        metrics.close();
      },
    };
  } catch (cause) {
    clearInterval(sweeping);
    clearInterval(forgetting);
    certificates?.close();
    endpointKey?.close();
    await Promise.allSettled([server.close(0), scraping.close(), evaluations.close()]);
    metrics.close();
    throw cause;
  }
}

/** Mirroring that slows clients stops by itself. */
function protectPrimary(
  reports: readonly ShadowReport[],
  { gates }: MirrorRegistry,
  log: Logger,
): void {
  for (const { candidate, evaluation, validity } of reports) {
    const alarm = validity.find(({ id, ok }) => id === "primary_protection" && ok === false);
    const gate = gates.find(
      (each) => each.candidate === candidate.pool && each.route === evaluation.route,
    );
    if (alarm === undefined || gate === undefined || gate.state().paused) continue;
    gate.pause("protection");
    log.warn(
      { candidate: gate.candidate, ratio: alarm.value },
      "mirroring is paused: mirrored requests are slower at the primary than others",
    );
  }
}
