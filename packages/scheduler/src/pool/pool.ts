import { adapterSlots } from "../model/endpoint.ts";
import { finiteOrUndefined } from "../model/finite-or-undefined.ts";
import { type InferenceRequest, promptTokensOf } from "../model/request.ts";
import type { PickContext } from "../plugin.ts";
import type { Profile, Trace } from "../profile.ts";
import { defaultProfile } from "../profiles/default.ts";
import type { Lease } from "../result.ts";
import { createAging } from "./aging.ts";
import { answerKind, type EndpointAnswer, isErrorStatus } from "./answer.ts";
import { createAvoidance } from "./avoidance.ts";
import { createTrace, type Decision, explanationOf } from "./decision.ts";
import { eligible } from "./eligible.ts";
import { countAnswer } from "./error-share.ts";
import type { PluginTime } from "./events.ts";
import { hiddenLoadReason, hidesLoad } from "./first-load.ts";
import { createHealthCheck } from "./health.ts";
import { setModels } from "./holders.ts";
import { knownLoad } from "./known-load.ts";
import { createLeases, OpenLease } from "./lease.ts";
import {
  evictAdapters,
  type Member,
  type NewScrapeFailure,
  type OpenRequest,
  promptDone,
  recordAdapter,
} from "./member.ts";
import { nextBest } from "./next-best.ts";
import { createPeerLoads, ownLoads, settlePeers } from "./peer-loads.ts";
import { createPrefixView } from "./prefix-view.ts";
import { updateReadiness } from "./readiness.ts";
import { refused } from "./refused.ts";
import { clearContents, halveContents, hasRestarted } from "./restart.ts";
import { Roster } from "./roster.ts";
import { learnSeats } from "./seats.ts";
import { isSamePrefix, settingsOf } from "./settings.ts";
import { endpointSnapshot } from "./snapshot.ts";
import { stopwatch } from "./stopwatch.ts";
import type { PoolOptions, PoolState, ProfileRule } from "./types.ts";

/** Weight of the newest value in a moving average. */
const newestWeight = 0.1;
/** One scrape may fail before an endpoint's metrics are stale. */
const freshIntervals = 2.5;
/** Output tokens expected of a request before any answer has been seen. */
const firstOutputTokens = 256;
/**
 * Prompt tokens a server computes per ms, roughly: an 8B model on a mid-range GPU. A prompt older than its tokens take
 * at this speed counts as computed, even if no first token was reported.
 */
const prefillTokensPerMs = 8;

/** Creates a pool with no endpoint. */
export function createPool(options: PoolOptions): PoolState {
  const {
    name,
    now = () => performance.now(),
    random = Math.random,
    staleAfterMs = 2_000,
    timeEvery,
    onEvent,
  } = options;
  let { profiles, admission, maxFallbacks, prefix: prefixOptions } = settingsOf(options);
  const fallbackProfile = defaultProfile();
  const health = createHealthCheck(options.health);
  const avoidance = createAvoidance({
    maxShare: options.health?.maxEjectedShare ?? 0.5,
    onAvoided({ address: endpoint, errorShare }) {
      onEvent?.({ type: "avoided", pool: name, endpoint, errorShare });
    },
  });
  const aging = createAging({ staleAfterMs, reinstate });
  const salt = options.promptSeed ?? Math.floor(random() * 2 ** 32);
  let prefix = createPrefixView(prefixOptions, salt);
  const roster = new Roster();
  const peers = createPeerLoads((address) => roster.find(address));
  let outputTokens = firstOutputTokens;
  let picks = 0;

  const context: MutableContext = {
    nowMs: 0,
    promptTokens: 0,
    outputTokens: 0,
    random,
    cachedTokens: (endpoint) =>
      prefix.cachedShare(endpoint as Member) * context.promptTokens * (1 - endpoint.errorShare),
  };

  const leases = createLeases({
    now,
    detectLeaks: options.detectLeaks === true,
    onFirstToken: recordTtft,
    memberOf: (address) => roster.find(address),
    onMoved(request, from) {
      retractPrompt(from, request);
      prefix.recordMove(request);
    },
    onDone(member, usage) {
      const made = finiteOrUndefined(usage?.outputTokens);
      if (made !== undefined) outputTokens += newestWeight * (made - outputTokens);
      recordKind(member, {}, undefined);
    },
    onFail(request, status) {
      const hasStatus = status !== undefined && isErrorStatus(status);
      recordKind(request.member, hasStatus ? { status } : { ok: false }, request);
    },
    onLeak: ({ address }) => onEvent?.({ type: "lease_leaked", pool: name, endpoint: address }),
  });

  function recordTtft(member: Member, ttftMs: number): void {
    member.ttftSeenMs = now();
    aging.recordTtft(member.ttftSeenMs);
    const { ttftMs: mean = ttftMs } = member;
    member.ttftMs = mean + newestWeight * (ttftMs - mean);
  }

  function recordKind(
    member: Member,
    answer: EndpointAnswer,
    request: OpenRequest | undefined,
  ): void {
    // A lease may still be open after its endpoint left the pool.
    if (roster.find(member.address) !== member) return;
    const kind = answerKind(answer);
    countAnswer(member.health.counts, kind === "good" ? 0 : 1, now());
    avoidance.updateErrorShare(member, kind !== "good", now());
    if (kind === "good") {
      health.recordSuccess(member, now());
      member.firstGoodMs ??= now();
    }
    if (kind === "failed") recordFailure(member);
    else if (kind === "busy") health.recordBusy(member);
    if (kind === "good" || request === undefined) return;
    if (request.member === member) retractPrompt(member, request);
    // The endpoint does not know the model.
    if (answer.status === 404 && request.adapter !== undefined) {
      member.recentAdapters.delete(request.adapter);
    }
  }

  /** The request failed, so its prompt is not in the endpoint's cache. */
  function retractPrompt(member: Member, request: OpenRequest): void {
    prefix.retract(member, request);
    request.heldBlocks = request.promptBlocks;
  }

  function recordFailure(member: Member): void {
    const forMs = health.recordFailure(member, roster.members, now());
    if (forMs === undefined) return;
    aging.scheduleBy(member.health.ejectedUntilMs);
    avoidance.invalidate();
    onEvent?.({ type: "ejected", pool: name, endpoint: member.address, forMs });
  }

  function noteScrapeFailure(member: Member, failure: NewScrapeFailure): void {
    member.lastFailure = { ...failure, atMs: now() };
    settlePrompts(member, member.lastFailure.atMs);
  }

  function reinstate(member: Member, nowMs: number): void {
    if (!health.reinstate(member, nowMs)) return;
    avoidance.invalidate();
    onEvent?.({ type: "reinstated", pool: name, endpoint: member.address });
  }

  function age(nowMs: number, isExact = false): void {
    aging.age(roster.members, nowMs);
    avoidance.update(roster.members, roster.groups, nowMs, isExact);
  }

  function decide(
    request: InferenceRequest,
    trace: Trace | undefined,
    steps: PluginTime[] | undefined,
  ): Decision {
    const nowMs = now();
    age(nowMs);
    context.nowMs = nowMs;
    context.promptTokens = promptTokensOf(request);
    context.outputTokens = finiteOrUndefined(request.expectedOutputTokens) ?? outputTokens;
    prefix.begin(request);
    const candidates = eligible(roster.members, roster.holders, request);
    if (candidates.length === 0) {
      return {
        candidates,
        code: roster.members.length === 0 ? "POOL_EMPTY" : "NO_ELIGIBLE_ENDPOINT",
      };
    }
    const refusal = admission.refuses(request, candidates);
    if (refusal !== undefined) return { candidates, code: refusal };
    const profile = profileFor(request, profiles) ?? fallbackProfile;
    const onStep = steps === undefined ? undefined : stopwatch(now, steps);
    const choice = profile.choose(request, candidates, context, trace, onStep);
    if ("refusedBy" in choice) {
      const { name: by, refusal: code = "NO_ELIGIBLE_ENDPOINT" } = choice.refusedBy;
      return { candidates, profile, code, by };
    }
    return { candidates, profile, picked: choice as Member };
  }

  function commit(request: InferenceRequest, member: Member, profile: Profile): Lease {
    const share = prefix.cachedShareIfUsed(member);
    prefix.recordSent(member);
    if (request.adapter !== undefined) recordAdapter(member, request.adapter);
    if (member.health.isDistrusted) {
      member.health.triedAtMs = context.nowMs;
      avoidance.invalidate();
    }
    profile.recordPick(request, member, context);
    onEvent?.({
      type: "picked",
      pool: name,
      profile: profile.name,
      endpoint: member.address,
      cachedShare: share,
      promptTokens: context.promptTokens,
      tookMs: now() - context.nowMs,
    });
    const uncached = Math.max(0, context.promptTokens * (1 - share));
    const lease = leases.open(member, context.nowMs, uncached, context.outputTokens);
    lease.request.adapter = request.adapter;
    lease.request.promptAt = prefix.sentAt;
    lease.request.promptBlocks = prefix.sentBlocks;
    lease.request.heldBlocks = prefix.heldBlocks;
    return lease;
  }

  return {
    name,

    setEndpoints(endpoints) {
      roster.set(endpoints);
      avoidance.invalidate();
      aging.scheduleBy(now());
      peers.addTo(roster.all());
      for (const member of roster.members) prefix.fit(member, roster.members.length);
    },

    configure(settings) {
      ({ profiles, admission, maxFallbacks } = settingsOf(settings));
      const { prefix: next } = settingsOf(settings);
      if (isSamePrefix(next, prefixOptions)) return;
      prefixOptions = next;
      prefix = createPrefixView(next, salt);
      roster.forgetPrompts();
      for (const member of roster.members) prefix.fit(member, roster.members.length);
    },

    addresses: () => roster.members.map(({ address }) => address),
    knows: (address) => roster.find(address) !== undefined,

    labelsOf: (address) => roster.find(address)?.labels ?? {},

    recordScrape(address, metrics, startedMs, intervalMs = 0) {
      const member = roster.find(address);
      if (member === undefined) return true;
      const before = member.metrics;
      if (before.kind !== "missing" && hasRestarted(before.metrics, metrics)) {
        clearContents(member);
        onEvent?.({ type: "restarted", pool: name, endpoint: address });
      } else if (before.kind === "stale" && metrics.processStartS === undefined) {
        halveContents(member);
      }
      if (hidesLoad(member, metrics, startedMs)) {
        const reason = hiddenLoadReason("the metrics page");
        noteScrapeFailure(member, { reason, kind: "the metrics page has no request counts" });
        return false;
      }
      learnSeats(member, metrics, intervalMs > 0 ? intervalMs : undefined);
      member.metrics = { kind: "fresh", metrics };
      member.lastFailure = undefined;
      member.freshForMs = freshIntervals * intervalMs;
      aging.recordScrape(member, metrics.scrapedAtMs);
      updateReadiness(member);
      member.scrapeStartedMs = startedMs;
      member.sentSinceScrape = settlePrompts(member, startedMs);
      settlePeers(member);
      evictAdapters(member, adapterSlots(member));
      prefix.fit(member, Math.max(1, roster.members.length));
      for (let i = health.takeProvenFailures(member); i > 0; i--) recordFailure(member);
      return true;
    },

    recordScrapeFailure(address, reason, kind = "scrape failed", backOffMs) {
      const member = roster.find(address);
      if (member !== undefined) noteScrapeFailure(member, { reason, kind, backOffMs });
    },

    recordModels(address, models) {
      const member = roster.find(address);
      if (member === undefined || !setModels(member, models)) return;
      roster.regroup();
      avoidance.invalidate();
    },

    recordReadiness(address, isReady) {
      const member = roster.find(address);
      if (member === undefined) return;
      member.isHealthPageReady = isReady;
      updateReadiness(member);
    },

    recordAnswer(address, answer, lease) {
      const member = roster.find(address);
      if (member === undefined) return;
      const ttftMs = finiteOrUndefined(answer.ttftMs);
      if (ttftMs !== undefined && answerKind(answer) === "good") recordTtft(member, ttftMs);
      recordKind(member, answer, lease instanceof OpenLease ? lease.request : undefined);
    },

    pick(request, { explain = false } = {}) {
      const trace = explain ? createTrace() : undefined;
      const isTimed = timeEvery !== undefined && picks++ % timeEvery === 0;
      const steps: PluginTime[] | undefined = isTimed ? [] : undefined;
      const decision = decide(request, trace, steps);
      const { candidates, profile, picked, code = "POOL_EMPTY", by } = decision;
      if (steps !== undefined && profile !== undefined) {
        onEvent?.({ type: "timed", pool: name, profile: profile.name, steps });
      }
      const explanation = trace === undefined ? undefined : explanationOf(decision, trace);
      if (picked === undefined || profile === undefined) {
        prefix.end();
        onEvent?.({
          type: "refused",
          pool: name,
          profile: profile?.name,
          code,
          tookMs: now() - context.nowMs,
        });
        return refused({ code, by, explanation, retryAfterMs: admission.retryAfterMs });
      }
      const isPermitted = (member: Member) => profile.permits(request, member, context);
      const fallbacks = nextBest(candidates, picked, maxFallbacks, isPermitted);
      const lease = commit(request, picked, profile);
      prefix.end();
      const { address: endpoint } = picked;
      return explanation === undefined
        ? { ok: true, endpoint, fallbacks, lease }
        : { ok: true, endpoint, fallbacks, lease, explanation };
    },

    explain(request) {
      const trace = createTrace();
      const decision = decide(request, trace, undefined);
      prefix.end();
      return explanationOf(decision, trace);
    },

    takeReport: () => ({ loads: ownLoads(roster.members), prompts: prefix.takeSent() }),

    recordReport(peer, { loads, prompts }) {
      if (!peers.record(peer, loads)) return false;
      for (const { address, hashes } of prompts) {
        const member = roster.find(address);
        if (member !== undefined) prefix.recordElsewhere(member, hashes);
      }
      return true;
    },

    forgetPeer: peers.remove,

    saturation() {
      age(now());
      return admission.saturation(roster.members);
    },

    knownLoad() {
      age(now());
      return knownLoad(roster.members);
    },

    snapshot() {
      const nowMs = now();
      age(nowMs, true);
      return {
        name,
        saturation: admission.saturation(roster.members),
        endpoints: roster.members.map((member) => endpointSnapshot(member, nowMs)),
      };
    },
  };
}

/**
 * Marks prompts as computed if they were sent long enough before `startedMs`. Returns the number of requests sent since
 * `startedMs`.
 */
function settlePrompts({ open }: Member, startedMs: number): number {
  let sentSince = 0;
  for (const request of open) {
    if (request.sentAtMs >= startedMs) sentSince++;
    else if (startedMs - request.sentAtMs > request.promptTokens / prefillTokensPerMs) {
      promptDone(request);
    }
  }
  return sentSince;
}

function profileFor(request: InferenceRequest, rules: readonly ProfileRule[]): Profile | undefined {
  for (const { profile, when } of rules) {
    if (when === undefined || when(request)) return profile;
  }
  return undefined;
}

type MutableContext = { -readonly [key in keyof PickContext]: PickContext[key] };
