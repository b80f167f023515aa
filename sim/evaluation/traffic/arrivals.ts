import type { Draws } from "../draws.ts";
import type { Traffic } from "./traffic.ts";

/** A busy state of 4.4 times the average rate and a quiet one of 0.4 times, with their mean lengths in s. */
const busy = { factor: 4.4, meanS: 10.6 };
const quiet = { factor: 0.4, meanS: 60 };
/** The daily curve swings by this share of the average rate, once in the run. */
const dailySwing = 0.8;

/** When requests are sent, in s from the start, ascending: a Poisson process whose rate may change. */
export function arrivalsOf(traffic: Traffic, draws: Draws): Float64Array {
  const { seconds, perSecond } = traffic;
  const rateAt = ratesOf(traffic, draws);
  const mostPerS = perSecond * (traffic.arrivals === "bursts" ? busy.factor : 1 + dailySwing);
  const peak = traffic.arrivals === "steady" ? perSecond : mostPerS;
  const times: number[] = [];
  // Thinning (Lewis and Shedler 1979): draw at the highest rate, keep by the rate of the moment.
  for (let at = draws.exponential(1 / peak); at < seconds; at += draws.exponential(1 / peak)) {
    if (draws.unit() * peak < rateAt(at)) times.push(at);
  }
  return Float64Array.from(times);
}

/** Requests per second at a time; to be asked for ascending times. */
function ratesOf({ arrivals, perSecond, seconds }: Traffic, draws: Draws): (at: number) => number {
  switch (arrivals) {
    case "steady":
      return () => perSecond;
    case "daily":
      return (at) => perSecond * (1 - dailySwing * Math.cos((2 * Math.PI * at) / seconds));
    case "bursts": {
      let state = draws.unit() < busy.meanS / (busy.meanS + quiet.meanS) ? busy : quiet;
      let until = draws.exponential(state.meanS);
      return (at) => {
        while (at >= until) {
          state = state === busy ? quiet : busy;
          until += draws.exponential(state.meanS);
        }
        return perSecond * state.factor;
      };
    }
  }
}
