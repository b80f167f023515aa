import Table from "cli-table3";

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

export function spreadTable(
  lanes: readonly {
    readonly lane: string;
    readonly picked: readonly Spread[];
    readonly inTurn: readonly Spread[];
  }[],
): string {
  const style = { head: [], border: [] };
  const head = [
    "lane",
    "endpoint",
    "requests",
    "round robin",
    "adapters",
    "round robin",
    "adapter loads",
    "round robin",
  ];
  const table = new Table({ head, style });
  for (const { lane, picked, inTurn } of lanes) {
    picked.forEach((spread, index) => {
      const other = inTurn[index];
      table.push([
        lane,
        spread.endpoint,
        spread.requests,
        other?.requests ?? 0,
        spread.adapters,
        other?.adapters ?? 0,
        spread.loads,
        other?.loads ?? 0,
      ]);
    });
    const sum = (of: readonly Spread[], key: "requests" | "loads") =>
      of.reduce((total, each) => total + each[key], 0);
    table.push([
      lane,
      "all",
      sum(picked, "requests"),
      sum(inTurn, "requests"),
      "",
      "",
      sum(picked, "loads"),
      sum(inTurn, "loads"),
    ]);
  }
  return table.toString();
}
