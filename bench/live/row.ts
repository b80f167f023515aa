import type { Figure } from "./figure.ts";
import type { Testbed, TestbedOptions } from "./testbed.ts";

/** A row of the table: what is done, and its figures. */
export interface Row {
  /** For `--only`. */
  readonly key: string;
  readonly title: string;
  /** It fails after this time. */
  readonly mostSeconds: number;
  readonly measure: (begin: Begin) => Promise<readonly Figure[]>;
}

/** Starts a testbed that is stopped after the row, whatever way it ends. */
export interface Begin {
  /** Serves already. */
  serving(options: TestbedOptions): Promise<Testbed>;
  /** Sidecar and Envoy are still to be started. */
  stopped(options: TestbedOptions): Promise<Testbed>;
}
