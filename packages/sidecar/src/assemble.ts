import { sidecarBounds } from "@umbra/envoy-config";
import { createBodyDecoder } from "@umbra/openai/decode";
import { createRecorder, type Recorder } from "@umbra/shadow";
import { type AnswerReadingThread, createAnswerReading } from "./answers/answer-reading.ts";
import { type AnswerThread, startAnswerThread } from "./answers/answer-thread.ts";
import { createWorkShare } from "./answers/work-share.ts";
import { openCaptureThread } from "./capture/capture-thread.ts";
import { type Captures, createCaptures } from "./capture/captures.ts";
import type { RequestObserver } from "./decision/request-observer.ts";
import { type Evaluations, newSecret, startEvaluations } from "./evaluation/evaluations.ts";
import { createLoadCount, type LoadCount } from "./evaluation/load-count.ts";
import { createShadowMetrics } from "./evaluation/shadow-metrics.ts";
import { type Judges, maxJudged } from "./judge-model/judges.ts";
import { createModelJudges } from "./judge-model/model-judges.ts";
import { createSidecarMetrics, type SidecarMetrics } from "./metrics/sidecar-metrics.ts";
import { createMirrorRegistry, type MirrorRegistry } from "./mirror/mirror-registry.ts";
import { protectPrimary } from "./mirror/protect-primary.ts";
import { createServingMirrors, type ServingMirrors } from "./mirror/serving-mirrors.ts";
import { logPoolEvent } from "./pools/pool-log.ts";
import { createPoolRegistry, type PoolRegistry, type ServedPools } from "./pools/pool-registry.ts";
import { createRequestLog } from "./request-log.ts";
import { createRequestRecording, type RequestRecording } from "./request-recording.ts";
import { createServedPaths, type ServedPaths } from "./requests/backend-paths.ts";
import { createEndpointAnswers } from "./requests/endpoint-answers.ts";
import { gatewayProtocol } from "./requests/gateway-stream.ts";
import type { LiveRequest, LiveTwin } from "./requests/live-request.ts";
import { LiveRequests } from "./requests/live-requests.ts";
import type { ObserveOptions } from "./requests/observe.ts";
import type { PickOptions } from "./requests/pick-options.ts";
import type { SidecarOptions } from "./sidecar-options.ts";
import type { BeginTrace } from "./traces/request-trace.ts";

/** The connected parts of a sidecar that need no address. */
export interface SidecarParts {
  readonly pools: ServedPools;
  readonly paths: ServedPaths;
  readonly mirrors: MirrorRegistry;
  readonly servingMirrors: ServingMirrors;
  readonly load: LoadCount;
  readonly recorder: Recorder<LiveRequest>;
  readonly evaluations: Evaluations;
  readonly answers: AnswerReadingThread;
  readonly judges: Judges;
  readonly metrics: SidecarMetrics;
  readonly pick: PickOptions;
  readonly observe: ObserveOptions;
}

/** Resources opened before the parts are created. */
export interface Opened {
  readonly beginTrace: BeginTrace | undefined;
  /** Returns the `authorization` header of Umbra's own requests to endpoints; undefined: no key. */
  readonly authorization: (() => string | undefined) | undefined;
  /** Called after a pool is gone, or an endpoint has left a pool. */
  readonly onGone: () => void;
}

export const now = (): number => performance.now();

/** Creates the parts of a sidecar, and starts the threads that read and evaluate answers. */
export function assemble(options: SidecarOptions, opened: Opened): SidecarParts {
  const { topology } = options;
  const pools = createPools(options, opened, () => metrics);
  const paths = createServedPaths(topology);
  const mirrors = createMirrorRegistry(topology, now);
  const metrics = createMetrics(options, pools, () => recorder.pairCount);
  const secret = options.peers?.keys.samples ?? newSecret();
  const load = createLoadCount(pools, now);
  const captures = createCapturesOf(options, { secret, metrics });
  const judges = createModelJudges(options, { pools, mirrors, metrics });
  const evaluations = startJudging(options, {
    ...{ pools, mirrors, load, secret, captures, metrics, judges },
  });
  const endpointAnswers = createEndpointAnswers((pool, address) =>
    pools.get(pool)?.served.markDoubtful(address),
  );
  const accounts = createAccounts(options, opened, { metrics, load });
  const shadowMetrics = createShadowMetrics({
    metrics: metrics.exposition,
    mirrors,
    latest: () => evaluations.latest.reports,
  });
  const observers = [
    endpointAnswers,
    accounts,
    mirrors,
    shadowMetrics,
    evaluations,
    captures ?? {},
    { over: (request: LiveRequest) => request.compared?.comparison.close() },
  ];
  const answers = createAnswerReading(() => startReading(options, metrics));
  const recorder = createRecorder<LiveRequest>({
    ...{ now, observers, hasCome: arrived, maxOpen: sidecarBounds.measuredAnswers },
    readAnswer: answers.read,
  });
  const live = createLive(mirrors, metrics, observers);
  const servingMirrors = createServingMirrors({
    ...{ registry: mirrors, evaluations, answers, metrics: shadowMetrics },
    isNamed: (mirror) => live.isNamed(mirror),
  });
  const pick: PickOptions = {
    ...pickSettings(options, { pools, paths }, opened),
    ...{ pools, live, captures, now, compare: answers.compare },
    mirroring: {
      ...{ registry: mirrors, secret, random: Math.random },
      asksJudge: (mirror) => judges.asks(mirror),
      onDropped: (id, bytes, of) => evaluations.dropped(id, bytes, of),
    },
    openAccount: accounts.open,
    onTwinRefused: (twin, pool) => recordRefusedTwin(recorder, twin, pool),
  };
  return {
    ...{ pools, paths, mirrors, servingMirrors, load, recorder, evaluations, answers, judges },
    ...{ metrics, pick },
    observe: createObserve({ pools, recorder, live, mirrors, metrics }),
  };
}

function createMetrics(
  { topology, compatMetrics: isCompatible = false }: SidecarOptions,
  pools: ServedPools,
  pairs: () => number,
): SidecarMetrics {
  return createSidecarMetrics({ topology, pools, now, pairs, isCompatible });
}

function createAccounts(
  { log }: SidecarOptions,
  { beginTrace }: Opened,
  { metrics, load }: Pick<SidecarParts, "metrics" | "load">,
): RequestRecording {
  return createRequestRecording({
    ...{ metrics, now, beginTrace },
    onPicked: (pool, lane) => load.picked(pool, lane),
    log: createRequestLog(log, now),
  });
}

function arrived(request: LiveRequest, mirror: string): boolean {
  return request.twinIn(mirror)?.isPicked === true;
}

function createObserve({
  pools,
  recorder,
  live,
  mirrors,
  metrics,
}: Pick<SidecarParts, "pools" | "recorder" | "mirrors" | "metrics"> & {
  readonly live: LiveRequests;
}): ObserveOptions {
  return {
    ...{ pools, recorder, live, now },
    timeoutOf: (mirror) => mirrors.gateOf(mirror)?.mirror.requestTimeoutMs,
    shadowShare: createWorkShare(0.25, 50),
    onOverload: metrics.observeOverloaded,
  };
}

/** Reads answers in a thread of its own. */
function startReading({ log }: SidecarOptions, metrics: SidecarMetrics): AnswerThread {
  let isLogged = false;
  return startAnswerThread({
    maxJudged,
    onUnread: metrics.observeOverloaded,
    onEnd(err) {
      metrics.answerThreadEnded();
      if (!isLogged) {
        log.error(
          { err },
          "the thread that reads answers ended and is restarted (logged once, then counted)",
        );
      }
      isLogged = true;
    },
    onFault(err) {
      metrics.streamFailed();
      log.error({ err }, "failed to process a measured answer");
    },
  });
}

function createLive(
  mirrors: MirrorRegistry,
  metrics: SidecarMetrics,
  observers: readonly RequestObserver<LiveRequest>[],
): LiveRequests {
  return new LiveRequests({
    now,
    observers,
    mirrorOf: (mirror) => mirrors.get(mirror),
    canCancel: (mirror) => mirrors.gateOf(mirror)?.mirror.policy !== undefined,
    onCancel: () => metrics.twinCancelled(),
  });
}

/** A twin without an endpoint has no answer that an observe stream could see. */
function recordRefusedTwin(
  recorder: Recorder<LiveRequest>,
  { request, mirror }: LiveTwin,
  pool: string,
): void {
  const { requestId } = request;
  request.pairing ??= recorder.open(request);
  const leg = request.pairing.begin({ requestId, lane: "shadow", pool, mirrors: [mirror] });
  leg?.responseHeaders({ status: 503, contentType: "application/json" });
  leg?.end("complete");
}

function pickSettings(
  options: SidecarOptions,
  { pools, paths }: Pick<SidecarParts, "pools" | "paths">,
  { authorization }: Opened,
) {
  const { maxBodyBytes, maxWaitMs } = limitsOf(options);
  return {
    gateway: gatewayProtocol(options.gateway ?? {}, () => pools.only?.name, paths.paths),
    maxBodyBytes,
    maxWaitMs,
    decoder: createBodyDecoder({
      maxBytes: maxBodyBytes,
      atOnce: sidecarBounds.decodedAtOnce,
      maxWaitingBytes: sidecarBounds.compressedBytes,
    }),
    authorization,
  };
}

interface Judged {
  readonly pools: PoolRegistry;
  readonly mirrors: MirrorRegistry;
  readonly load: LoadCount;
  readonly secret: string;
  readonly captures: Captures | undefined;
  readonly metrics: SidecarMetrics;
  readonly judges: Judges;
}

function startJudging(options: SidecarOptions, judged: Judged): Evaluations {
  const { topology, log, samplesFile, evaluateEveryMs = 5_000 } = options;
  const { pools, mirrors, load, secret, captures, metrics, judges } = judged;
  return startEvaluations({
    topology,
    registry: mirrors,
    pools,
    load,
    now,
    judges,
    secret,
    samplesFile,
    evaluateEveryMs,
    captured: () => captures?.count ?? 0,
    onAnalysis: (reports) => protectPrimary(reports, mirrors, log),
    onTrouble({ text, isStorage }) {
      log.error(text);
      if (isStorage) metrics.storageFailed("samples");
    },
    // Without evaluation, no one would notice if the shadow affects the primary.
    onEnd() {
      log.error("mirroring is paused: the evaluation has stopped");
      for (const gate of mirrors.gates) gate.pause("unjudged");
    },
  });
}

function limitsOf({ topology, maxBodyBytes, maxWaitMs }: SidecarOptions) {
  const { settings } = topology.envoy;
  return {
    maxBodyBytes: maxBodyBytes ?? settings.maxBodyBytes,
    maxWaitMs: maxWaitMs ?? settings.maxQueueMs,
  };
}

/** @param metrics must be set before the first event of a pool */
function createPools(
  options: SidecarOptions,
  { onGone }: Opened,
  metrics: () => SidecarMetrics,
): ServedPools {
  const { topology, log, staleAfterMs = 2_000, fallbacks } = options;
  return createPoolRegistry(topology, {
    now,
    random: Math.random,
    staleAfterMs,
    maxWaitMs: limitsOf(options).maxWaitMs,
    timeEvery: 64,
    onGone,
    ...(fallbacks === undefined ? {} : { fallbacks }),
    ...(options.peers === undefined ? {} : { promptSeed: options.peers.keys.promptSeed }),
    onEvent(event) {
      metrics().poolTold(event);
      logPoolEvent(event, log);
    },
    onQueue: (pool, event) => metrics().queueTold(pool, event),
  });
}

function createCapturesOf(
  { capture, log }: SidecarOptions,
  { secret, metrics }: Pick<Judged, "secret" | "metrics">,
): Captures | undefined {
  if (capture === undefined) return undefined;
  let isTold = false;
  const sink = openCaptureThread({
    ...capture,
    onTrouble({ message }) {
      metrics.storageFailed("captures");
      // A full disk fails on every request, so log only once.
      if (!isTold) log.error(`can't write captures: ${message} (logged once, then counted)`);
      isTold = true;
    },
  });
  return createCaptures({ secret, sink });
}
