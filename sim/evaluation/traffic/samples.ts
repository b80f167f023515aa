import type { LegClass, Sample, SampleLeg } from "@umbra/shadow";
import type { Draws } from "../draws.ts";
import { outagesOf } from "./outages.ts";
import type { LaneTimes, Requests } from "./requests.ts";
import type { PerLane, Traffic } from "./traffic.ts";

/** A sample, and when the sidecar has it: in s from the start. */
export interface TimedSample {
  readonly sample: Sample;
  readonly knownAtS: number;
}

/** When the first request of a run may be sent, in ms since the epoch. */
export const startMs = 1_800_000_000_000;

/** A twin that never came is given up so long after the primary's end. */
const lostAfterS = 10;
/** The twin of a request whose client has left is cut off so long after. */
const cutAfterMs = 500;

/** The samples of one run as the sidecar writes them: each when both of its legs have ended. */
export function samplesOf(
  requests: Requests,
  traffic: Traffic,
  draws: Draws,
): readonly TimedSample[] {
  const fates = fatesOf(requests, traffic, draws);
  const samples: TimedSample[] = [];
  for (let i = 0; i < requests.size; i++) {
    const sample = sampleOf(requests, fates(i), i);
    if (sample !== undefined) samples.push(sample);
  }
  return samples.sort((a, b) => a.knownAtS - b.knownAtS);
}

/** What becomes of one request. */
interface Fate {
  readonly kind: "paired" | "lost" | "dropped" | "unmirrored" | "unseen";
  readonly primary: LegFate;
  readonly shadow: LegFate;
}

interface LegFate {
  readonly class: LegClass;
  readonly finish: string | null;
  /** Times that are later were not seen: the leg was cut off, in ms. */
  readonly cutMs: number;
  /** Factor on the leg's latency. */
  readonly harm: number;
}

/** Fates of the requests, to be asked for in ascending order. */
function fatesOf(requests: Requests, traffic: Traffic, draws: Draws): (index: number) => Fate {
  const { errors, outages, lost, cutAnswers, patienceMs, sessions } = traffic;
  const isDown = {
    primary: outagesOf(outages.primary, outages.seconds, draws),
    shadow: outagesOf(outages.shadow, outages.seconds, draws),
  };
  const isDropped = droppedOf(requests.size, traffic.dropped, draws);
  const isMirroredSession = Array.from(
    { length: sessions?.count ?? 1 },
    () => draws.unit() < (sessions?.mirrored ?? 1),
  );
  const fails = (lane: keyof PerLane, atS: number) =>
    isDown[lane](atS) || draws.unit() < errors[lane];
  return (i) => {
    const [atS, isMirrored] = [requests.atS[i] ?? 0, isMirroredSession[requests.session[i] ?? 0]];
    const failed = { primary: fails("primary", atS), shadow: fails("shadow", atS) };
    const cut = draws.unit();
    const { both, primary: first, shadow: second } = cutAnswers;
    const isCut = {
      primary: cut < both + first,
      shadow: cut < both || (cut >= both + first && cut < both + first + second),
    };
    const isLeft = requests.isStream[i] === 1 && (requests.primary.ttft[i] ?? 0) > patienceMs;
    const ratio = (requests.shadow.ttft[i] ?? 1) / (requests.primary.ttft[i] ?? 1);
    const isLost = draws.unit() < lost.atRandom || ratio > lost.slowestRatio;
    const isSeen = isMirrored === true || draws.unit() < (sessions?.observed ?? 0);
    const fate = (lane: keyof PerLane): LegFate => ({
      class: failed[lane]
        ? "server_error"
        : !isLeft
          ? "ok"
          : lane === "primary"
            ? "client_cancelled"
            : "propagated_cancel",
      finish: isCut[lane] ? "length" : "stop",
      cutMs: isLeft ? patienceMs + (lane === "shadow" ? cutAfterMs : 0) : Number.POSITIVE_INFINITY,
      harm: lane === "primary" && isMirrored === true ? (sessions?.harm ?? 1) : 1,
    });
    const kind = isDropped[i] === 1 ? "dropped" : !isSeen ? "unseen" : "unmirrored";
    return {
      kind: kind !== "unmirrored" || isMirrored !== true ? kind : isLost ? "lost" : "paired",
      primary: fate("primary"),
      shadow: fate("shadow"),
    };
  };
}

/** Marks `count` of `size` requests, each set of them as likely as any other. */
function droppedOf(size: number, count: number, draws: Draws): Uint8Array {
  const isDropped = new Uint8Array(size);
  let left = Math.min(count, size);
  for (let i = 0; i < size && left > 0; i++) {
    if (draws.unit() * (size - i) >= left) continue;
    isDropped[i] = 1;
    left--;
  }
  return isDropped;
}

function sampleOf(requests: Requests, fate: Fate, i: number): TimedSample | undefined {
  if (fate.kind === "unseen") return undefined;
  const atS = requests.atS[i] ?? 0;
  const isPaired = fate.kind === "paired";
  const primary = legOf(requests, requests.primary, fate.primary, i);
  const shadow = isPaired ? legOf(requests, requests.shadow, fate.shadow, i) : null;
  const lastMs = Math.max(
    endOf(requests.primary, fate.primary, i),
    isPaired ? endOf(requests.shadow, fate.shadow, i) : 0,
  );
  const sample: Sample = {
    v: 1,
    id: `r${i}`,
    t0: startMs + Math.round(atS * 1_000),
    route: "default/simulated",
    candidate: "default/shadow",
    mirrored: isPaired || fate.kind === "lost",
    drop: fate.kind === "dropped" ? "concurrency" : null,
    session: `s${requests.session[i] ?? 0}`,
    primary,
    shadow,
    lag: 1,
  };
  return { sample, knownAtS: atS + lastMs / 1_000 + (fate.kind === "lost" ? lostAfterS : 0) };
}

function endOf(lane: LaneTimes, { cutMs, harm }: LegFate, i: number): number {
  return Math.min(cutMs, (lane.e2e[i] ?? 0) * harm);
}

function legOf(requests: Requests, lane: LaneTimes, fate: LegFate, i: number): SampleLeg {
  const isFailed = fate.class === "server_error";
  const isStream = requests.isStream[i] === 1;
  const seen = (ms: number) => (isFailed || ms * fate.harm > fate.cutMs ? null : ms * fate.harm);
  const e2e = seen(lane.e2e[i] ?? 0);
  const tokens = e2e === null ? null : (lane.tokens[i] ?? 0);
  const ttft = isStream ? seen(lane.ttft[i] ?? 0) : null;
  const promptTokens = requests.promptTokens[i] ?? 1;
  return {
    status: isFailed ? 500 : 200,
    class: fate.class,
    stream: isStream,
    ttft,
    ttfo: ttft,
    tpot: isStream && e2e !== null ? (lane.tpot[i] ?? 0) : null,
    e2e,
    outTokens: tokens,
    tokenSource: tokens === null ? null : "usage",
    outChars: tokens === null ? null : tokens * 4,
    promptTokens,
    cachedTokens: 0,
    promptBytes: promptTokens * 4,
    finish: e2e === null ? null : fate.finish,
    endpoint: "10.0.0.1:8000",
    attempts: 1,
    tpoc: null,
    stall: null,
  };
}
