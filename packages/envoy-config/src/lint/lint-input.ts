import type { Place } from "../resources/report.ts";
import type { Resources } from "../resources/resources.ts";
import type { Mirror, Route, Topology } from "../topology.ts";

export interface LintInput {
  readonly topology: Topology;
  readonly resources: Resources;
  readonly places: Places;
}

/** Where parts of the topology stand in the files. */
export interface Places {
  /** Of a route, or a share of one: the match it was made of. */
  route(of: Pick<Route, "origin">): Place | undefined;
  /** Of a mirror: its backend's name. */
  mirror(of: Pick<Mirror, "origin">): Place | undefined;
}
