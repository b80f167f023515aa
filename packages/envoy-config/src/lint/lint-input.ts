import type { Place } from "../resources/reader.ts";
import type { Resources } from "../resources/resources.ts";
import type { Topology } from "../topology.ts";

/** What each lint reads. */
export interface LintInput {
  readonly topology: Topology;
  readonly resources: Resources;
  readonly places: Places;
}

/** Where parts of the topology stand in the files, by their names there. */
export interface Places {
  /** Of a route, or a share of one: the match it was made of. */
  route(name: string): Place | undefined;
  /** Of a mirror: its backend's name. */
  mirror(name: string): Place | undefined;
  /** Of a pool: its resource's kind. */
  pool(name: string): Place | undefined;
}
