import {
  type EvaluationConfig,
  type GateId,
  isCensored,
  type Sample,
  type SampleLeg,
} from "@umbra/shadow";

/**
 * Finds the interim analyses in which a gate could fail: its estimate is over its margin then, because no lower bound is
 * over the estimate. All others are left out, so that a run can be analysed as often as a live one.
 */
export interface CouldFail {
  add(sample: Sample): void;
  /** `judgedMs`: since the end of the warm-up. True also where it is not known. */
  isPossible(judgedMs: number): boolean;
}

/** Blocks of 10 s that a FAIL takes: of a ratio, a rate and a clear difference of rates. The last may be short. */
const blocksMs = { ratio: 190_000, rate: 590_000, clear: 110_000 };
/** A clear difference of rates is so many margins. */
const clearMargins = 10;

/** Gates that fail before the planned end and whose estimates are followed. Tails are judged at the planned end only. */
const ratios = {
  "ttft.typical": ({ ttft }: SampleLeg) => ttft,
  "tpot.typical": ({ tpot, class: found }: SampleLeg) => (found === "ok" ? tpot : null),
  "whole.typical": ({ stream, e2e, class: found }: SampleLeg) =>
    stream === false && found === "ok" ? e2e : null,
} as const satisfies Partial<Record<GateId, (leg: SampleLeg) => number | null>>;
const rates = ["errors", "slo", "bad_request", "empty", "malformed"] as const;
const tails: readonly GateId[] = ["ttft.p90", "ttft.p99", "tpot.p99", "whole.p90", "whole.p99"];

type Followed = keyof typeof ratios | (typeof rates)[number];

/** Follows the judged samples, those sent from `fromMs` on. */
export function createCouldFail(config: EvaluationConfig, fromMs: number): CouldFail {
  const required = (Object.keys(config.gates) as GateId[]).filter(
    (id) => config.gates[id].required,
  );
  const others = required.filter((id) => !isFollowed(id) && !tails.includes(id));
  if (others.length > 0) return { add() {}, isPossible: () => true };
  const means = new Map<Followed, { sum: number; n: number }>();
  const note = (id: Followed, value: number) => {
    const mean = means.get(id) ?? { sum: 0, n: 0 };
    means.set(id, { sum: mean.sum + value, n: mean.n + 1 });
  };
  return {
    add(sample) {
      if (sample.t0 < fromMs) return;
      noteRatios(sample, note);
      noteRates(sample, config.slo, note);
    },
    isPossible: (judgedMs) =>
      [...means].some(([id, { sum, n }]) => {
        const { margin } = config.gates[id];
        if (id in ratios) return judgedMs >= blocksMs.ratio && sum / n > Math.log1p(margin);
        const margins = judgedMs >= blocksMs.rate ? 1 : clearMargins;
        return judgedMs >= blocksMs.clear && sum / n > margins * margin;
      }),
  };
}

function isFollowed(id: GateId): id is Followed {
  return id in ratios || rates.some((each) => each === id);
}

type Note = (id: Followed, value: number) => void;

function noteRatios({ primary, shadow }: Sample, note: Note): void {
  if (shadow === null) return;
  for (const [id, read] of Object.entries(ratios) as [keyof typeof ratios, Reading][]) {
    const [first, second] = [read(primary), read(shadow)];
    if (first !== null && second !== null) note(id, Math.log(second / first));
  }
}

type Reading = (leg: SampleLeg) => number | null;

/** A difference of each pair that is judged: neither leg was cut short. A twin that never came is bad. */
function noteRates(
  { mirrored, primary, shadow }: Sample,
  slo: EvaluationConfig["slo"],
  note: Note,
): void {
  if (!mirrored || isCensored(primary.class) || isCensored(shadow?.class ?? null)) return;
  const noteBad = (id: Followed, isBad: (leg: SampleLeg) => boolean, isLostBad: boolean) =>
    note(id, Number(shadow === null ? isLostBad : isBad(shadow)) - Number(isBad(primary)));
  noteBad("errors", ({ class: found }) => found !== "ok", true);
  noteBad("slo", (leg) => leg.class !== "ok" || isLate(leg, slo), true);
  for (const id of ["bad_request", "empty", "malformed"] as const) {
    noteBad(id, ({ class: found }) => found === id, false);
  }
}

function isLate({ ttft, tpot, e2e }: SampleLeg, slo: EvaluationConfig["slo"]): boolean {
  const over = (value: number | null, limit = Number.POSITIVE_INFINITY) => (value ?? 0) > limit;
  return over(ttft, slo.ttft) || over(tpot, slo.tpot) || over(e2e, slo.e2e);
}
