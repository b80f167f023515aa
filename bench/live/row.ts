import type { FigureRow } from "../harness/figure-rows.ts";
import type { Testbed, TestbedOptions } from "./testbed.ts";

/** A row of the table: what is done, and its figures. */
export type Row = FigureRow<Begin>;

/** Starts a testbed that is stopped after the row, whatever way it ends. */
export interface Begin {
  /** Serves already. */
  serving(options: TestbedOptions): Promise<Testbed>;
  /** Sidecar and Envoy are still to be started. */
  stopped(options: TestbedOptions): Promise<Testbed>;
}
