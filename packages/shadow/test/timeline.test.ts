import { expect, test } from "@jest/globals";
import { evaluationConfig, judge, type Sample } from "@umbra/shadow";
import { createRandom } from "@umbra/shadow/statistics";
import { leg, sample } from "./fixtures.ts";

/** Equal lanes whose ratio swings with a load that lasts a minute: two pairs a second for half an hour. */
function swinging(seed: number): readonly Sample[] {
  const random = createRandom(seed);
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
  const keep = Math.exp(-0.5 / 60);
  let load = normal();
  return Array.from({ length: 3_600 }, (_, i) => {
    load = keep * load + Math.sqrt(1 - keep * keep) * normal();
    const log = 0.35 * (Math.sqrt(0.3) * load + Math.sqrt(0.7) * normal());
    return sample(i * 500, { id: `r${i}`, shadow: leg({ ttft: 100 * Math.exp(log) }) });
  });
}

const startedAtMs = Date.UTC(2026, 0, 1);
const config = evaluationConfig({ warmupMs: 0 });
const at = (samples: readonly Sample[], ms: number) =>
  judge({ samples, config, facts: { startedAtMs, nowMs: startedAtMs + ms } });

test("the band is the interval that an analysis at that time would have shown", () => {
  const samples = swinging(1);
  const early = at(
    samples.filter(({ t0 }) => t0 < startedAtMs + 900_000),
    900_000,
  );
  const look = early.gates.find(({ id }) => id === "ttft.typical")?.interval;
  const point = at(samples, 1_200_000).timeline.find(({ t }) => t === 890);
  expect(look).not.toBeNull();
  expect(point?.cs_lo).toBeCloseTo(look?.lower ?? Number.NaN, 9);
  expect(point?.cs_hi).toBeCloseTo(look?.upper ?? Number.NaN, 9);
});
