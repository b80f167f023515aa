import { isDeepStrictEqual } from "node:util";
import type { ClientState, Snapshot } from "@umbra/xds";

/** How Envoys replied to a version of a listener. */
export interface ListenerReply {
  readonly version: string;
  /** Envoy's words, if one refuses it. */
  readonly refusal?: string;
}

/**
 * What connected Envoys say about the listeners of the newest snapshot. A version that all have accepted stays so while
 * other parts of a configuration are on their way, and while no Envoy is connected.
 */
export class ListenerReplies {
  #replies: ReadonlyMap<string, ListenerReply> = new Map();

  /** Returns the replies by the name of the listener, if they differ from those before. */
  update(
    snapshot: Snapshot,
    clients: readonly ClientState[],
  ): ReadonlyMap<string, ListenerReply> | undefined {
    const areUpToDate = clients.length > 0 && clients.every(({ isUpToDate }) => isUpToDate);
    const refusals = new Map(
      clients
        .flatMap(({ rejections }) => rejections)
        .filter(
          ({ kind, name, version }) =>
            kind === "lds" && snapshot.lds.get(name)?.version === version,
        )
        .map(({ name, message }) => [name, message]),
    );
    const next = new Map(
      [...snapshot.lds.values()].flatMap(({ name, version }): [string, ListenerReply][] => {
        const refusal = refusals.get(name);
        if (refusal !== undefined) return [[name, { version, refusal }]];
        const before = this.#replies.get(name);
        if (areUpToDate) return [[name, { version }]];
        return before?.version === version ? [[name, before]] : [];
      }),
    );
    if (isDeepStrictEqual(next, this.#replies)) return undefined;
    this.#replies = next;
    return next;
  }
}
