import type { JsonMap } from "../json-map.ts";
import type { ResourceRef } from "../resource-ref.ts";
import type { Gateway, GatewayListener, Resources } from "../resources/resources.ts";
import type { ToldConditions } from "../resources/told-conditions.ts";
import type { RouteAttachment } from "../route-attachment.ts";
import type { Listener } from "../topology.ts";

/** What the statuses of objects are made from, for `statusesOf`. It refers to what was resolved, so it is not plain data. */
export class StatusFacts {
  readonly #sources: StatusSources;

  constructor(sources: StatusSources) {
    this.#sources = sources;
  }

  get sources(): StatusSources {
    return this.#sources;
  }
}

export interface StatusSources {
  readonly resources: Pick<
    Resources,
    "gatewayClasses" | "gateways" | "routes" | "pools" | "policies"
  >;
  readonly attachments: readonly RouteAttachment[];
  /** Those of the topology. */
  readonly listeners: readonly Listener[];
  /** The addresses of the Gateways that have one. */
  readonly addresses: ReadonlyMap<Gateway, string>;
  /** The ports of the Gateways' listeners that are served. */
  readonly ports: ReadonlyMap<GatewayListener, number>;
  readonly told: ToldConditions;
}

/** What Envoy answered, and what evaluations found. */
export interface LiveFacts {
  /** By the name of the topology's listener that Envoy knows. Absent: it has not answered yet. */
  readonly listeners: ReadonlyMap<string, ListenerState>;
  /** Why Envoy refused an HTTPRoute, by `<namespace>/<name>`. */
  readonly refusedRoutes: ReadonlyMap<string, string>;
  /** By `<namespace>/<name>` of the ShadowPolicy. */
  readonly verdicts: ReadonlyMap<string, PolicyVerdict>;
  /** Version of the installed Gateway API, such as `v1.6.3`; undefined if unknown. */
  readonly apiVersion?: string;
}

export type ListenerState =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly message: string };

/** What an evaluation has found so far. */
export interface PolicyVerdict {
  /** As in the report: `PASS`, `FAIL`, `INCONCLUSIVE` or `INVALID`. */
  readonly verdict: string;
  /** Compared pairs. */
  readonly pairs: number;
  /** Shadow to primary, of the gate that decides; absent before there is one. */
  readonly ratio?: number;
  /** RFC 3339. */
  readonly reportedAt: string;
}

/** The status that an object should have, as far as this controller writes it. Plain data. */
export interface ObjectStatus {
  readonly of: StatusOwner;
  /** The generation of the object that was resolved; absent for an object of a file. */
  readonly generation?: number;
  /** Fields that only this controller writes. Conditions have neither a time nor a generation yet. */
  readonly own: JsonMap;
  /** A list that controllers share; each entry has its `controllerName`. */
  readonly shared?: SharedList;
}

/** The object with a status. */
export interface StatusOwner extends Omit<ResourceRef, "namespace"> {
  /** API group. */
  readonly group: string;
  readonly kind: string;
  /** Absent for objects of the cluster. */
  readonly namespace?: string;
}

export interface SharedList {
  readonly field: "parents" | "ancestors";
  /** The field of an entry that says whom it is about. */
  readonly key: "parentRef" | "ancestorRef";
  readonly entries: readonly JsonMap[];
  /** True: an empty list is written; false: then the field is left out. */
  readonly isRequired: boolean;
}
