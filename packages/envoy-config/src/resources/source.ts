import type { Report } from "./report.ts";

/** What all readers of a document share. */
export interface Source {
  readonly report: Report;
  readonly spend: Spend;
  readonly faults: Faults;
  readonly compiling: Compiling;
}

/** Instructions of regular expressions that may still be compiled, to check them. All documents of a file share it. */
export interface Compiling {
  left: number;
}

/** Counts the errors of a document, so that a reader can tell which part they are in. */
export interface Faults {
  count: number;
}

/** Creates the source of a document, whose errors are counted. */
export function createSource(of: Omit<Source, "faults">): Source {
  const faults: Faults = { count: 0 };
  const report: Report = (severity, ...rest) => {
    if (severity === "error") faults.count++;
    of.report(severity, ...rest);
  };
  return { ...of, report, faults };
}

/**
 * Counts what is read, and how deep, because aliases can expand a short text. Returns false if it is too much, and
 * reports it once.
 */
export type Spend = (count: number, depth: number, tooMuch: () => void) => boolean;
