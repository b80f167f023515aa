import type { Diagnostic } from "../diagnostic.ts";
import { ResourceMap } from "../resource-map.ts";
import { resourceName } from "../resource-ref.ts";
import type { Read } from "./kinds.ts";
import { findingsOf, type ReadFile, readFile, type SourceFile } from "./read-file.ts";
import type { Identity, Step } from "./recorder.ts";
import { createReport, type Report } from "./report.ts";
import { Resources } from "./resources.ts";

export interface ReadResources {
  readonly resources: Resources;
  readonly diagnostics: Diagnostic[];
  readonly report: Report;
}

/** Reads every document of every file. Reports all problems in one pass. Never throws. */
export function readResources(files: readonly SourceFile[]): ReadResources {
  return joinFiles(files.map((file) => readFile(file)));
}

/** Joins the resources of files. The first of two with the same name counts. */
export function joinFiles(files: readonly ReadFile[]): ReadResources {
  const { report, diagnostics, show } = createReport();
  const resources = new Resources();
  const isFirst = createFirsts();
  const join = (step: Step, file: ReadFile) => {
    const { identity, resources: lists } = step;
    if (identity !== undefined && !isFirst(identity)) {
      const { kind, place } = identity;
      report("error", "UMB0106", place, `duplicate ${kind} "${resourceName(identity)}"`);
      return;
    }
    for (const finding of findingsOf(step, file)) report(...finding);
    for (const [list, found] of lists) (resources[list] as unknown[]).push(...found);
  };
  for (const file of files) {
    // An object of an API server has no text.
    if (file.text !== "") show(file.name, file.text);
    for (const { start, linesAbove, steps } of file.segments) {
      start.linesAbove = linesAbove;
      for (const step of steps) join(step, file);
    }
    for (const finding of file.findings) report(...finding);
  }
  return { resources, diagnostics, report };
}

/** Returns a function that is true for the first object of a kind with a name. */
function createFirsts(): (identity: Identity) => boolean {
  const seen = new Map<Read, ResourceMap<true>>();
  return (identity) => {
    const { read } = identity;
    const known = seen.get(read) ?? new ResourceMap<true>();
    seen.set(read, known);
    if (known.has(identity)) return false;
    known.set(identity, true);
    return true;
  };
}
