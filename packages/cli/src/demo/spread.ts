import { tableText } from "../tables.ts";

/** The endpoint of one request. Placements are in order of arrival. */
export interface Placement {
  readonly endpoint: string;
  readonly model: string;
}

export interface Spread {
  readonly endpoint: string;
  readonly requests: number;
  /** Number of distinct adapters requested from the endpoint. */
  readonly adapters: number;
  /** Number of adapter loads, if `slots` adapters fit and the least recently used one is evicted first. */
  readonly loads: number;
}

/** Computes how placements load the endpoints. */
export function spreadOf(
  placements: readonly Placement[],
  endpoints: readonly string[],
  { isAdapter, slots }: { isAdapter: (model: string) => boolean; slots: number },
): readonly Spread[] {
  return endpoints.map((endpoint) => {
    const own = placements.filter((placement) => placement.endpoint === endpoint);
    const seen = new Set<string>();
    const held = new Set<string>();
    let loads = 0;
    for (const { model } of own) {
      if (!isAdapter(model)) continue;
      seen.add(model);
      if (!held.delete(model)) {
        loads++;
        if (held.size >= slots) {
          const oldest = held.values().next();
          if (!oldest.done) held.delete(oldest.value);
        }
      }
      held.add(model);
    }
    return { endpoint, requests: own.length, adapters: seen.size, loads };
  });
}

/** Places the same requests round robin. */
export function roundRobin(
  placements: readonly Placement[],
  endpoints: readonly string[],
): readonly Placement[] {
  return placements.map(({ model }, index) => ({
    model,
    endpoint: endpoints[index % endpoints.length] ?? "",
  }));
}

/** The picks of one lane, and a round-robin placement of the same requests. */
export interface LaneSpread {
  readonly lane: string;
  readonly picked: readonly Spread[];
  readonly roundRobin: readonly Spread[];
}

export function sumOf(spread: readonly Spread[], key: "requests" | "loads"): number {
  return spread.reduce((total, each) => total + each[key], 0);
}

export function spreadTable(lanes: readonly LaneSpread[]): string {
  const other = "round robin";
  const head = [
    ...["lane", "endpoint", "requests", other, "adapters", other, "adapter loads", other],
  ];
  const rows = lanes.flatMap(({ lane, picked, roundRobin }) => [
    ...picked.map(({ endpoint, requests, adapters, loads }, index) => {
      const turn = roundRobin[index];
      return [
        ...[lane, endpoint, requests, turn?.requests ?? 0],
        ...[adapters, turn?.adapters ?? 0, loads, turn?.loads ?? 0],
      ];
    }),
    [
      ...[lane, "all", sumOf(picked, "requests"), sumOf(roundRobin, "requests"), "", ""],
      ...[sumOf(picked, "loads"), sumOf(roundRobin, "loads")],
    ],
  ]);
  return tableText(head, rows);
}
