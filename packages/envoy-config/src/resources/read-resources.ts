import type { Diagnostic } from "../diagnostic.ts";
import { ResourceMap } from "../resource-map.ts";
import { resourceName } from "../resource-ref.ts";
import type { Read } from "./kinds.ts";
import { findOthers, type GatewayChoice } from "./own-gateways.ts";
import { findingsOf, type ReadFile, readFile, type SourceFile } from "./read-file.ts";
import type { Identity, Step } from "./recorder.ts";
import { createReport, type Report } from "./report.ts";
import { Resources } from "./resources.ts";
import type { ToldConditions } from "./told-conditions.ts";

export interface ReadResources {
  readonly resources: Resources;
  readonly diagnostics: Diagnostic[];
  readonly report: Report;
  readonly told: ToldConditions;
}

/** Reads every document of every file. Reports all problems in one pass. Never throws. */
export function readResources(
  files: readonly SourceFile[],
  choice: GatewayChoice = {},
): ReadResources {
  return joinFiles(
    files.map((file) => readFile(file)),
    choice,
  );
}

/**
 * Joins the resources of files. The first of two with the same name counts. Ignores the Gateways of other
 * controllers, and routes that are attached only to them, with whatever is wrong about them.
 */
export function joinFiles(files: readonly ReadFile[], choice: GatewayChoice = {}): ReadResources {
  const others = findOthers(stepsOf(files), choice);
  const { report, diagnostics, told, show } = createReport();
  const resources = new Resources();
  const isFirst = createFirsts();
  const join = (step: Step, file: ReadFile) => {
    const { identity, resources: lists } = step;
    if (identity !== undefined && !isFirst(identity)) {
      const { kind, place } = identity;
      report("error", "UMB0106", place, `duplicate ${kind} "${resourceName(identity)}"`);
      return;
    }
    if (others.steps.has(step)) return;
    for (const finding of findingsOf(step, file)) report(...finding);
    for (const [list, found] of lists) {
      const own = list === "routes" ? others.detach(found) : found;
      (resources[list] as unknown[]).push(...own);
    }
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
  return { resources, diagnostics, report, told };
}

function stepsOf(files: readonly ReadFile[]): readonly Step[] {
  return files.flatMap(({ segments }) => segments.flatMap(({ steps }) => steps));
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
