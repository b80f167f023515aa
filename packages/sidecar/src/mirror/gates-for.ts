import { type Mirror, resourceName, sharesGate, type Topology } from "@umbra/envoy-config";
import { createMirrorGate, type MirrorGate } from "./mirror-gate.ts";

/**
 * Returns the controller of each mirror of a topology. Keeps a known controller, changed in place, if route, shadow
 * pool and policy are the same.
 */
export function gatesFor(
  { mirrors, envoy }: Topology,
  known: readonly MirrorGate[],
  now: () => number,
): ReadonlyMap<Mirror, MirrorGate> {
  const { maxShadowBodyBytes: maxBodyBytes } = envoy.settings;
  const groups: Mirror[][] = [];
  for (const mirror of mirrors) {
    const group = groups.find(([first]) => first !== undefined && sharesGate(first, mirror));
    if (group === undefined) groups.push([mirror]);
    else group.push(mirror);
  }
  const free = new Set(known);
  const take = (mirror: Mirror, fits: (gate: MirrorGate) => boolean) => {
    const found = [...free].find((gate) => hasSubjectOf(gate, mirror) && fits(gate));
    if (found !== undefined) free.delete(found);
    return found;
  };
  const kept = new Map<Mirror[], MirrorGate>();
  const firsts = groups.flatMap((group) =>
    group[0] === undefined ? [] : [{ group, mirror: group[0] }],
  );
  // Without a policy, equal shares first: only then may a controller take over another share.
  for (const fits of [sharesWith, () => true]) {
    for (const { group, mirror } of firsts) {
      const gate = kept.has(group) ? undefined : take(mirror, (each) => fits(each, mirror));
      if (gate !== undefined) kept.set(group, gate);
    }
  }
  const gates = new Map<Mirror, MirrorGate>();
  for (const { group, mirror } of firsts) {
    const gate = kept.get(group) ?? createMirrorGate({ mirror, maxBodyBytes, now });
    gate.change(mirror, maxBodyBytes);
    for (const each of group) gates.set(each, gate);
  }
  return gates;
}

function sharesWith(gate: MirrorGate, mirror: Mirror): boolean {
  return sharesGate(gate.mirror, mirror);
}

/** True if route, shadow pool and policy are the same. */
function hasSubjectOf(gate: MirrorGate, { origin, pool, policy }: Mirror): boolean {
  return (
    gate.route === resourceName(origin.route) &&
    gate.candidate === pool &&
    gate.mirror.policy?.name === policy?.name
  );
}
