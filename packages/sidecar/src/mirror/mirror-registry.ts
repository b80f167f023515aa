import { laneClusterName, type Mirror, mirrorToHeader, type Topology } from "@umbra/envoy-config";
import { createMirrorGate, type MirrorGate } from "./mirror-gate.ts";

/** A mirror as a pick sees it. */
export interface GatedMirror {
  readonly mirror: Mirror;
  readonly gate: MirrorGate;
  /** Makes Envoy mirror the request. */
  readonly header: { readonly name: string; readonly value: string };
}

/** Every mirror of the topology by name. Rules of one route that mirror to one pool share a gate. */
export interface MirrorRegistry {
  /** Mirrors by the names that a stream's metadata lists. */
  of(names: string): readonly GatedMirror[];
  readonly gates: readonly MirrorGate[];
  gateOf(mirror: string): MirrorGate | undefined;
  /** Whether what goes through the mirror is measured and judged. */
  isEvaluated(mirror: string): boolean;
}

export function createMirrorRegistry(topology: Topology, now: () => number): MirrorRegistry {
  const gates = new Map<string, MirrorGate>();
  const mirrors = new Map<string, GatedMirror>();
  for (const mirror of mirrorsOf(topology)) {
    // `<namespace>/<httproute>/<rule index>/mirror/<n>`
    const route = mirror.name.split("/", 2).join("/");
    const shared = `${route} ${mirror.pool} ${mirror.policy?.name ?? mirror.perMillion}`;
    const gate = gates.get(shared) ?? createMirrorGate({ mirror, route, now });
    gates.set(shared, gate);
    const header = { name: mirrorToHeader(mirror.name), value: laneClusterName(mirror.name) };
    mirrors.set(mirror.name, { mirror, gate, header });
  }
  const judged = new Map(
    evaluatedFirst([...gates.values()])
      .toReversed()
      .map((gate) => [gate.key, gate]),
  );
  const lists = new Map<string, readonly GatedMirror[]>();
  return {
    of(names) {
      let list = lists.get(names);
      if (list === undefined) {
        list = names.split(",").flatMap((name) => mirrors.get(name) ?? []);
        // Metadata comes from Envoy's configuration: there are as many lists as rules.
        if (lists.size < 10_000) lists.set(names, list);
      }
      return list;
    },
    gates: evaluatedFirst([...gates.values()]),
    gateOf: (mirror) => mirrors.get(mirror)?.gate,
    isEvaluated(mirror) {
      const gate = mirrors.get(mirror)?.gate;
      return gate !== undefined && judged.get(gate.key) === gate;
    },
  };
}

/** A route's mirrors to one pool may be told different things, by rule; those with a policy are judged. */
function evaluatedFirst(gates: readonly MirrorGate[]): readonly MirrorGate[] {
  const withPolicy = (gate: MirrorGate) => Number(gate.policy !== undefined);
  return gates.toSorted((a, b) => withPolicy(b) - withPolicy(a));
}

function mirrorsOf({ listeners }: Topology): readonly Mirror[] {
  const byName = new Map<string, Mirror>();
  for (const { virtualHosts } of listeners) {
    for (const { mirrors } of virtualHosts.flatMap(({ routes }) => routes)) {
      for (const mirror of mirrors) byName.set(mirror.name, mirror);
    }
  }
  return [...byName.values()];
}
