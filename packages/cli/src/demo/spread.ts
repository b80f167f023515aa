import { tableText } from "../tables.ts";

/** Where one request went, in order of arrival. */
export interface Placement {
  readonly endpoint: string;
  readonly model: string;
}

export interface Spread {
  readonly endpoint: string;
  readonly requests: number;
  /** Distinct adapters that it was asked for. */
  readonly adapters: number;
  /** Adapters that had to be loaded, with `slots` of them held at once, the least recently used leaving first. */
  readonly loads: number;
}

/** How placements load the endpoints. */
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

/** The same requests, handed round in turn. */
export function roundRobin(
  placements: readonly Placement[],
  endpoints: readonly string[],
): readonly Placement[] {
  return placements.map(({ model }, index) => ({
    model,
    endpoint: endpoints[index % endpoints.length] ?? "",
  }));
}

/** The picks of one lane, and what round robin would have made of the same requests. */
export interface LaneSpread {
  readonly lane: string;
  readonly picked: readonly Spread[];
  readonly inTurn: readonly Spread[];
}

export function sumOf(spread: readonly Spread[], key: "requests" | "loads"): number {
  return spread.reduce((total, each) => total + each[key], 0);
}

export function spreadTable(lanes: readonly LaneSpread[]): string {
  const other = "round robin";
  const head = [
    ...["lane", "endpoint", "requests", other, "adapters", other, "adapter loads", other],
  ];
  const rows = lanes.flatMap(({ lane, picked, inTurn }) => [
    ...picked.map(({ endpoint, requests, adapters, loads }, index) => {
      const turn = inTurn[index];
      return [
        ...[lane, endpoint, requests, turn?.requests ?? 0],
        ...[adapters, turn?.adapters ?? 0, loads, turn?.loads ?? 0],
      ];
    }),
    [
      ...[lane, "all", sumOf(picked, "requests"), sumOf(inTurn, "requests"), "", ""],
      ...[sumOf(picked, "loads"), sumOf(inTurn, "loads")],
    ],
  ]);
  return tableText(head, rows);
}
