import { isDeepStrictEqual } from "node:util";
import {
  type ListenerState,
  type LiveFacts,
  type ObjectStatus,
  resourceName,
  type StatusFacts,
  statusesOf,
} from "@umbra/envoy-config";
import type { Snapshot } from "@umbra/xds";
import type { RefusedRoute } from "../refusals/quarantine.ts";
import type { Refusal } from "../refusals/refusal.ts";

/** What is known only while the configuration is served. Plain data. */
export interface ServedFacts extends Pick<LiveFacts, "verdicts" | "apiVersion"> {
  /** How Envoys replied to a version of a listener, by its name. Absent: nothing yet. */
  readonly listeners: ReadonlyMap<string, ListenerReply>;
}

/** How Envoys replied to a version of a listener. */
export interface ListenerReply {
  readonly version: string;
  /** Envoy's words, if one refuses it. */
  readonly refusal?: string;
}

/** Statuses that differ from those before. Plain data. */
export interface StatusChanges {
  /** True: these are all statuses; those before don't count any more. */
  readonly isWhole: boolean;
  readonly changed: readonly ObjectStatus[];
  readonly gone: readonly ObjectStatus["of"][];
}

/** What has been resolved and published. */
export interface PublishedFacts {
  readonly statusFacts: StatusFacts;
  readonly refusedRoutes: readonly RefusedRoute[];
  /** Listeners and others that Envoy refuses; `snapshot` has an earlier form of them, if there is one. */
  readonly refusedResources: readonly Refusal[];
  /** Absent: Envoy gets its configuration elsewhere. */
  readonly snapshot: Snapshot | undefined;
}

/** Reports which statuses objects should have, each once until it changes. */
export class StatusReport {
  readonly #reported = new Map<string, ObjectStatus>();
  #isBegun = false;

  /** Returns undefined if nothing has changed. */
  changes(published: PublishedFacts, served: ServedFacts): StatusChanges | undefined {
    const now = new Map(
      statusesOf(published.statusFacts, liveFacts(published, served)).map((each) => [
        keyOf(each.of),
        each,
      ]),
    );
    const changed = [...now].filter(
      ([key, each]) => !isDeepStrictEqual(this.#reported.get(key), each),
    );
    const gone = [...this.#reported].filter(([key]) => !now.has(key));
    const isWhole = !this.#isBegun;
    this.#isBegun = true;
    for (const [key] of gone) this.#reported.delete(key);
    for (const [key, each] of changed) this.#reported.set(key, each);
    if (!isWhole && changed.length === 0 && gone.length === 0) return undefined;
    return {
      isWhole,
      changed: changed.map(([, each]) => each),
      gone: gone.map(([, { of }]) => of),
    };
  }

  /** All statuses are reported again. */
  forget(): void {
    this.#reported.clear();
    this.#isBegun = false;
  }
}

/** True if Envoys have replied to each listener as it is now. */
export function isAnswered(
  snapshot: Snapshot | undefined,
  { listeners }: Pick<ServedFacts, "listeners">,
): boolean {
  const all = [...(snapshot?.lds.values() ?? [])];
  return all.every(({ name, version }) => listeners.get(name)?.version === version);
}

/** A reply to an older version of a listener does not count for the newest. */
function liveFacts(published: PublishedFacts, { listeners, ...rest }: ServedFacts): LiveFacts {
  const { snapshot, refusedRoutes, refusedResources } = published;
  const states = new Map<string, ListenerState>();
  for (const [name, { version, refusal }] of listeners) {
    if (snapshot?.lds.get(name)?.version !== version) continue;
    states.set(
      name,
      refusal === undefined ? { kind: "accepted" } : { kind: "refused", message: refusal },
    );
  }
  for (const { kind, name, message } of refusedResources) {
    if (kind === "lds" || kind === "rds") states.set(name, { kind: "refused", message });
  }
  const refused = refusedRoutes.map(({ ref, message }) => [resourceName(ref), message] as const);
  return { ...rest, listeners: states, refusedRoutes: new Map(refused) };
}

function keyOf({ group, kind, namespace = "", name }: ObjectStatus["of"]): string {
  return JSON.stringify([group, kind, namespace, name]);
}
