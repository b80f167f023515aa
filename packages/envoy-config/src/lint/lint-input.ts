import type { Place } from "../resources/report.ts";
import type { Resources } from "../resources/resources.ts";
import type { Mirror, Route, Topology } from "../topology.ts";

export interface LintInput {
  readonly topology: Topology;
  readonly resources: Resources;
  readonly places: Places;
}

/** Places in the files of parts of the topology. */
export interface Places {
  /** The match from which a route, or a share of a route, was built. */
  route(of: Pick<Route, "origin">): Place | undefined;
  /** The name of a mirror's backend. */
  mirror(of: Pick<Mirror, "origin">): Place | undefined;
}
