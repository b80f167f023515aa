import type { Draws } from "../draws.ts";

/**
 * The load of a lane at the given times: an Ornstein-Uhlenbeck process, drawn exactly. Standard normal at each time;
 * two values that are `s` seconds apart correlate by `exp(-s / memoryS)`.
 */
export function loadAt(timesS: Float64Array, memoryS: number, draws: Draws): Float64Array {
  let value = draws.normal();
  let before = timesS[0] ?? 0;
  return timesS.map((at) => {
    const kept = Math.exp(-(at - before) / memoryS);
    before = at;
    value = kept * value + Math.sqrt(1 - kept * kept) * draws.normal();
    return value;
  });
}
