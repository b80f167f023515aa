import type { Sample, SampleLeg } from "@umbra/shadow";
import { createRandom } from "@umbra/shadow/statistics";

/** A streamed leg that is ok, with overrides. */
export function leg(more: Partial<SampleLeg> = {}): SampleLeg {
  return {
    status: 200,
    class: "ok",
    stream: true,
    ttft: 100,
    ttfo: 100,
    tpot: 20,
    e2e: 500,
    outTokens: 21,
    tokenSource: "usage",
    outChars: 80,
    promptTokens: 50,
    cachedTokens: 10,
    promptBytes: 400,
    finish: "stop",
    endpoint: "10.0.0.1:8000",
    attempts: 1,
    ...more,
  };
}

const start = Date.UTC(2026, 0, 1);

/** A mirrored pair, `at` ms behind the start. */
export function sample(at: number, more: Partial<Sample> = {}): Sample {
  return {
    v: 1,
    id: `r${at}`,
    t0: start + at,
    route: "default/route",
    candidate: "default/pool-b",
    mirrored: true,
    drop: null,
    session: null,
    primary: leg(),
    shadow: leg(),
    ...more,
  };
}

export interface Traffic {
  readonly seed: number;
  readonly pairs: number;
  readonly perSecond: number;
  /** Of TTFT, TPOT and E2E of the shadow over the primary. */
  readonly ratio?: number;
  /** Standard deviation of a pair's log ratio. */
  readonly spread?: number;
  readonly shadowErrors?: number;
}

/** Pairs whose requests differ much and whose lanes differ by `ratio` and noise. */
export function traffic(options: Traffic): readonly Sample[] {
  const { seed, pairs, perSecond, ratio = 1, spread = 0.2, shadowErrors = 0 } = options;
  const random = createRandom(seed);
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
  return Array.from({ length: pairs }, (_, i) => {
    const size = Math.exp(0.5 * normal());
    const lane = (factor: number) => {
      const noise = () => Math.exp((spread / Math.SQRT2) * normal());
      const ttft = 150 * size * factor * noise();
      const tpot = 20 * factor * noise();
      return leg({ ttft, ttfo: ttft, tpot, e2e: ttft + 20 * tpot });
    };
    const primary = lane(1);
    const isBad = random.unit() < shadowErrors;
    const shadow = isBad
      ? leg({ status: 500, class: "server_error", ttft: null, tpot: null, e2e: null })
      : lane(ratio);
    return sample((i * 1_000) / perSecond, { id: `r${i}`, primary, shadow });
  });
}
