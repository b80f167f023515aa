import { emptySnapshot, kinds, type Resource, type Snapshot, snapshotOf } from "@umbra/xds";
import type { SentKind, SentResources } from "./worker-messages.ts";

export interface Packed {
  readonly resources: SentResources;
  /** Buffers to give away with the message. */
  readonly buffers: readonly ArrayBuffer[];
}

/**
 * What differs between two snapshots, to be sent to another thread.
 *
 * @param before undefined: everything is sent, as it is not known what the other side has
 */
export function packed(snapshot: Snapshot, before: Snapshot | undefined): Packed {
  const resources: { -readonly [kind in keyof SentResources]: SentKind } = {};
  const buffers: ArrayBuffer[] = [];
  for (const kind of kinds) {
    const held = before?.[kind];
    if (snapshot[kind] === held) continue;
    const changed = [...snapshot[kind].values()]
      .filter(({ name, version }) => held?.get(name)?.version !== version)
      // A copy, as this thread compares with what it has sent.
      .map((each) => ({ ...each, value: each.value.slice() }));
    buffers.push(...changed.map(({ value }) => value.buffer));
    resources[kind] = { names: [...snapshot[kind].keys()], changed };
  }
  return { resources, buffers };
}

/** The snapshot that was packed; kinds without changes keep their maps. */
export function unpacked(resources: SentResources, before: Snapshot = emptySnapshot): Snapshot {
  const all = kinds.map((kind): [string, readonly Resource[]] => {
    const sent = resources[kind];
    if (sent === undefined) return [kind, [...before[kind].values()]];
    const changed = new Map(sent.changed.map((each) => [each.name, each]));
    return [kind, sent.names.flatMap((name) => changed.get(name) ?? before[kind].get(name) ?? [])];
  });
  return snapshotOf(Object.fromEntries(all), before);
}
