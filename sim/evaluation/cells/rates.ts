import { normalQuantile } from "@umbra/shadow/statistics";
import { type Cell, requiring } from "../cell.ts";
import { lasting, ordinary } from "../traffic/kinds.ts";
import { independent, type Traffic } from "../traffic/traffic.ts";
import { equal, slower } from "../truth.ts";

const missed = 0.1;

/** A TTFT limit that `missed` of the primary's requests do not keep, and the factor with which the shadow misses `more`. */
function sloOf(traffic: Partial<Traffic>, more: number) {
  const { promptLogSd, pairLogSd } = { ...independent, ...traffic };
  const sd = Math.hypot(promptLogSd, pairLogSd / Math.SQRT2);
  const [before, after] = [normalQuantile(1 - missed), normalQuantile(1 - missed - more)];
  return {
    limitMs: (independent.prompts[0]?.medianMs ?? 200) * Math.exp(sd * before),
    factor: Math.exp(sd * (before - after)),
  };
}

const sloTraffic: Readonly<Record<string, Partial<Traffic>>> = {
  independent: {},
  "load 5 s": ordinary,
  "load 20 s": lasting(20),
  "load 60 s": lasting(60),
  "strong load 20 s": { ...lasting(20, 0.6), pairLogSd: 0.7 },
  bursts: { ...ordinary, arrivals: "bursts" },
};

function sloCells([kind, traffic]: readonly [string, Partial<Traffic>]): readonly Cell[] {
  const cell = (name: string, more: number, rest: Pick<Cell, "claim" | "looks">): Cell => {
    const { limitMs, factor } = sloOf(traffic, more);
    const settings = { slo: { ttft: limitMs } };
    const truth = more === 0 ? equal : slower(factor);
    return { name: `${kind}: ${name}`, traffic, truth, settings, table: "rates", ...rest };
  };
  return [
    cell("equal, SLO", 0, { claim: { kind: "equal" }, looks: "live" }),
    cell("margin of slo", 0.01, {
      claim: { kind: "margin", gate: "slo", isStationary: true },
      looks: "end",
    }),
    cell("SLO missed by 5 points more", 0.05, { claim: { kind: "worse" }, looks: "live" }),
  ];
}

const errors = (primary: number, shadow: number) => ({ errors: { primary, shadow } });

export const rateCells: readonly Cell[] = [
  ...Object.entries(sloTraffic).flatMap(sloCells),
  {
    name: "margin of errors: 0.1 against 0.6 %",
    traffic: { ...ordinary, ...errors(0.001, 0.006) },
    truth: equal,
    looks: "end",
    claim: { kind: "margin", gate: "errors", isStationary: true },
    table: "rates",
  },
  {
    name: "margin of errors: 3.0 against 3.5 %",
    traffic: { ...ordinary, ...errors(0.03, 0.035) },
    truth: equal,
    looks: "end",
    claim: { kind: "margin", gate: "errors", isStationary: true },
    table: "rates",
  },
  {
    name: "margin of errors as outages of 9 s, two an hour",
    traffic: { ...ordinary, outages: { primary: 0, shadow: 2, seconds: 9 } },
    truth: equal,
    looks: "end",
    claim: { kind: "margin", gate: "errors", isStationary: false },
    table: "rates",
  },
  {
    name: "margin of finish.length: 4.0 against 4.5 %",
    traffic: { ...ordinary, cutAnswers: { both: 0.02, primary: 0.02, shadow: 0.025 } },
    truth: equal,
    settings: requiring("finish.length"),
    looks: "end",
    claim: { kind: "margin", gate: "finish.length", isStationary: true },
    table: "rates",
  },
  ...(
    [
      ["errors 1.5 %", 0.015],
      ["errors 3 %", 0.03],
    ] as const
  ).map(
    ([name, shadow]): Cell => ({
      name,
      traffic: { ...ordinary, ...errors(0.002, shadow) },
      truth: equal,
      looks: "live",
      claim: { kind: "worse" },
      table: "rates",
    }),
  ),
];
