import type { LaneEvent } from "../report/over-time.ts";

/**
 * An endpoint without a request for this many of its mean gaps counts as absent. By chance this has a probability of
 * e^-15.
 */
const meanGaps = 15;
/** Fewest requests for judging whether an endpoint was absent. */
const minRequests = 20;
const maxEvents = 12;

/**
 * Finds endpoints of a lane that joined late, left early or were silent in between, from its requests. Time is measured
 * in requests of the lane, so that a quiet hour is not an event.
 */
export function laneEvents(
  lane: LaneEvent["lane"],
  endpoints: readonly string[],
  atMs: ArrayLike<number>,
  startedAtMs: number,
): readonly LaneEvent[] {
  const places = new Map<string, number[]>();
  const known: number[] = [];
  endpoints.forEach((endpoint, index) => {
    if (endpoint === "") return;
    const own = places.get(endpoint);
    if (own === undefined) places.set(endpoint, [known.length]);
    else own.push(known.length);
    known.push(index);
  });
  const seconds = (place: number) => ((atMs[known[place] ?? 0] ?? 0) - startedAtMs) / 1_000;
  const events = [...places].flatMap(([endpoint, own]): readonly LaneEvent[] => {
    if (own.length < minRequests) return [];
    const [first, last] = [own[0] ?? 0, own.at(-1) ?? 0];
    const longest = meanGaps * ((last - first) / (own.length - 1));
    const event = (kind: LaneEvent["kind"], place: number, until: number | null): LaneEvent => ({
      ...{ t: seconds(place), until_t: until === null ? null : seconds(until) },
      ...{ lane, kind, endpoint },
    });
    const gaps = own.slice(1).flatMap((place, i) => {
      const before = own[i] ?? 0;
      return place - before > longest ? [event("silent", before, place)] : [];
    });
    return [
      ...(first > longest ? [event("joined", first, null)] : []),
      ...gaps,
      ...(known.length - 1 - last > longest ? [event("left", last, null)] : []),
    ];
  });
  return events.toSorted((a, b) => a.t - b.t).slice(0, maxEvents);
}
