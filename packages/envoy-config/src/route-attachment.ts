import type { ResourceRef } from "./resource-ref.ts";

/** A route at a listener. */
export interface RouteAttachment {
  readonly route: ResourceRef;
  /** As the route names it. */
  readonly parent: {
    readonly gateway: ResourceRef;
    readonly section?: string;
    readonly port?: number;
  };
  /** Absent if the parent has no such listener. */
  readonly listener?: string | undefined;
  readonly isAccepted: boolean;
  /** A reason of the Gateway API's conditions. */
  readonly reason: string;
  readonly message: string;
}
