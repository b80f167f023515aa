import type { Way } from "./attack.ts";
import type { Measured } from "./measure-attack.ts";

/** What an attack may cost at most. */
export interface Bars {
  /** Over the baseline's p99, in ms. */
  readonly p99Ms: number;
  /** Of the event loop's delay, p99.9 in ms; over the baseline's where the machine has no time, see `quietLoopMs`. */
  readonly loopMs: number;
  /** What memory may keep of an attack, in MB. */
  readonly keptMb: number;
  /** A shadow may cost the primary so much of a run without a mirror, whichever is more. */
  readonly shadowShare: number;
  readonly shadowMs: number;
  /** How much Envoy may grow under a hostile shadow, in MB. */
  readonly envoyMb: number;
}

export const wantedBars: Bars = {
  ...{ p99Ms: 50, loopMs: 50, keptMb: 64 },
  ...{ shadowShare: 0.05, shadowMs: 2, envoyMb: 200 },
};

/** A loop that is later than this with nothing to do, in ms, waits for other processes of the machine. */
const quietLoopMs = 25;

/** What the loop's delay may be. */
export function mostLoopMs(baselineLoopMs: number, { loopMs }: Bars): number {
  return baselineLoopMs <= quietLoopMs ? loopMs : baselineLoopMs + loopMs;
}

export interface Compared {
  readonly way: Way;
  readonly measured: Measured;
  /** Without an attack: of a shadow's, without a mirror. */
  readonly baselineP99Ms: number;
  /** Without an attack, with the mirror. */
  readonly baselineLoopMs: number;
}

/** The bars that are missed, in a few words each. */
export function missedBars(compared: Compared, bars: Bars): string[] {
  const { way, measured, baselineP99Ms, baselineLoopMs } = compared;
  const mostMsOfLoop = mostLoopMs(baselineLoopMs, bars);
  const { failed, p99Ms, loopMs, sidecar, envoy } = measured;
  const isShadow = way === "shadow";
  const mostMs =
    baselineP99Ms +
    (isShadow ? Math.max(bars.shadowShare * baselineP99Ms, bars.shadowMs) : bars.p99Ms);
  const missed: string[] = [];
  if (measured.isCrashed) missed.push("crashed");
  if (failed > 0) missed.push(`${failed} failed`);
  if (!(p99Ms <= mostMs)) missed.push(`p99 above ${mostMs.toFixed(0)} ms`);
  if (!(loopMs <= mostMsOfLoop)) missed.push(`loop above ${mostMsOfLoop.toFixed(0)} ms`);
  if (sidecar.after > sidecar.before + bars.keptMb) missed.push("memory kept");
  if (isShadow && envoy.most > envoy.before + bars.envoyMb) missed.push("Envoy's memory");
  if (measured.wrong !== undefined) missed.push(measured.wrong);
  return missed;
}
