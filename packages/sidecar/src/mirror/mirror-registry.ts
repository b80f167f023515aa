import {
  decodeMirrors,
  laneClusterName,
  type Mirror,
  mirrorToHeader,
  sharesGate,
  type Topology,
} from "@umbra/envoy-config";
import { isCensored } from "@umbra/shadow";
import type { RequestObserver } from "../decision/request-observer.ts";
import { createMirrorGate, type MirrorGate, type TwinEnd } from "./mirror-gate.ts";

/** A mirror with its controller, for a pick. */
export interface GatedMirror {
  readonly mirror: Mirror;
  readonly gate: MirrorGate;
  /** The header that makes Envoy mirror the request. */
  readonly header: { readonly name: string; readonly value: string };
}

/** A twin that its mirror controller counts. */
export interface CountedTwin {
  readonly mirror: string;
  readonly requestId: string;
  /** True while it runs and its controller has not been notified of its end. */
  isCounted: boolean;
}

/** Every mirror of the topology by name. Rules of one route that mirror to one pool share a controller. */
export interface MirrorRegistry
  extends RequestObserver<{ readonly twins: readonly CountedTwin[] }> {
  /** Returns the mirrors that a stream's metadata lists. */
  of(names: string): readonly GatedMirror[];
  readonly gates: readonly MirrorGate[];
  gateOf(mirror: string): MirrorGate | undefined;
  /** Notifies the twin's controller of its end, once. */
  finished(twin: CountedTwin, end?: TwinEnd): void;
  /** True if the mirror's requests are measured and evaluated. */
  isEvaluated(mirror: string): boolean;
}

export function createMirrorRegistry(topology: Topology, now: () => number): MirrorRegistry {
  const { maxShadowBodyBytes } = topology.envoy.settings;
  const gates: MirrorGate[] = [];
  const mirrors = new Map<string, GatedMirror>();
  for (const mirror of topology.mirrors) {
    let gate = gates.find((each) => sharesGate(each.mirror, mirror));
    if (gate === undefined) {
      gate = createMirrorGate({ mirror, maxBodyBytes: maxShadowBodyBytes, now });
      gates.push(gate);
    }
    const header = { name: mirrorToHeader(mirror), value: laneClusterName(mirror.name) };
    mirrors.set(mirror.name, { mirror, gate, header });
  }
  const judged = new Map(
    evaluatedFirst(gates)
      .toReversed()
      .map((gate) => [gate.key, gate]),
  );
  const lists = new Map<string, readonly GatedMirror[]>();
  function finished(twin: CountedTwin, end?: TwinEnd): void {
    if (!twin.isCounted) return;
    twin.isCounted = false;
    mirrors.get(twin.mirror)?.gate.finished(twin.requestId, end);
  }
  return {
    finished,
    of(names) {
      let list = lists.get(names);
      if (list === undefined) {
        list = decodeMirrors(names).flatMap((name) => mirrors.get(name) ?? []);
        // The metadata comes from Envoy's configuration, so there are only as many lists as rules.
        if (lists.size < 10_000) lists.set(names, list);
      }
      return list;
    },
    gates: evaluatedFirst(gates),
    gateOf: (mirror) => mirrors.get(mirror)?.gate,
    legEnded(leg, mirror, { twins }) {
      const twin = twins.find((each) => each.mirror === mirror);
      if (twin === undefined) return;
      const tokens = (leg.promptTokens ?? 0) + (leg.outTokens ?? 0);
      const isError = leg.class !== "ok" && !isCensored(leg.class);
      finished(twin, { isError, tokens });
    },
    twinLost(mirror, { twins }) {
      const twin = twins.find((each) => each.mirror === mirror);
      if (twin !== undefined) finished(twin, { isError: true, tokens: 0 });
    },
    over({ twins }) {
      for (const twin of twins) finished(twin);
    },
    isEvaluated(mirror) {
      const gate = mirrors.get(mirror)?.gate;
      return gate !== undefined && judged.get(gate.key) === gate;
    },
  };
}

/** A route's mirrors to one pool may differ by rule. Those with a policy are evaluated and come first. */
function evaluatedFirst(gates: readonly MirrorGate[]): readonly MirrorGate[] {
  const withPolicy = (gate: MirrorGate) => Number(gate.mirror.policy !== undefined);
  return gates.toSorted((a, b) => withPolicy(b) - withPolicy(a));
}
