import { defined } from "@umbra/shadow/defined";
import { type DiagnosticCode, diagnosticCodes } from "../codes.ts";
import type { Diagnostic, RuleRef, Severity } from "../diagnostic.ts";
import { createToldConditions, type ToldConditions } from "./told-conditions.ts";

/** The place of a value in a file. */
export interface Place extends Pick<Diagnostic, "file" | "path" | "line" | "column" | "endColumn"> {
  /** The line may contain a secret and must not be shown. */
  readonly isSecret?: boolean;
  /** Lines count from here; absent: from the top of the file. */
  readonly start?: Start;
}

/** The start of a part of a file. It moves when text above it is added or removed. */
export interface Start {
  /** Lines above it. */
  linesAbove: number;
}

/** Returns the line of a place in its file. */
export function lineOf({ line, start }: Pick<Place, "line" | "start">): number {
  return line + (start?.linesAbove ?? 0);
}

/** Optional parts of a diagnostic. */
export type DiagnosticExtras = Partial<Pick<Diagnostic, "remedy" | "condition" | "rule">>;

/** Reports a diagnostic. */
export type Report = (
  severity: Severity,
  code: DiagnosticCode,
  place: Place,
  message: string,
  extras?: DiagnosticExtras,
) => void;

/** Returns a report whose diagnostics refer to the rule. */
export function inRule(report: Report, rule: RuleRef): Report {
  return (...[severity, code, place, message, extras]) =>
    report(severity, code, place, message, { ...extras, rule });
}

export interface ReportSink {
  readonly report: Report;
  readonly told: ToldConditions;
  readonly diagnostics: Diagnostic[];
  /** Makes diagnostics of the file show their source line. */
  readonly show: (file: string, text: string) => void;
}

/** Maximum findings to show per severity. */
const maxFindings = 1_000;

/** Longer lines are generated and not worth showing. */
const maxLine = 4_096;

/** Maximum message length: messages quote names and values of any length. */
const maxMessage = 1_000;

function bounded(text: string): string {
  return text.length <= maxMessage ? text : `${text.slice(0, maxMessage)}…`;
}

/** Collects diagnostics with their source lines. */
export function createReport(): ReportSink {
  const diagnostics: Diagnostic[] = [];
  const counts: Record<Severity, number> = { error: 0, warning: 0, info: 0 };
  const textOf = new Map<string, (line: number) => string | undefined>();

  const add: Report = (severity, code, place, message, { remedy, condition, rule } = {}) => {
    const { file, path, column, endColumn, isSecret } = place;
    const line = lineOf(place);
    const sourceLine = isSecret === true ? undefined : textOf.get(file)?.(line);
    diagnostics.push({
      ...{ severity, code, message: bounded(message) },
      remedy: bounded(remedy ?? diagnosticCodes[code].remedy),
      ...{ file, line, column },
      ...defined({ path, endColumn, sourceLine, condition, rule }),
    });
  };
  const told = createToldConditions();
  return {
    ...{ diagnostics, told },
    report: (severity, code, place, message, extras) => {
      told.add({ severity, code, message: bounded(message), ...extras });
      const count = ++counts[severity];
      if (count <= maxFindings) add(severity, code, place, message, extras);
      if (count === maxFindings + 1) {
        const { endColumn: _, isSecret: _shown, start: _moved, ...at } = place;
        const more = `only the first ${maxFindings} findings of severity ${severity} are shown`;
        add("info", "UMB0109", { ...at, line: lineOf(place) }, more);
      }
    },
    show(file, text) {
      let lineStarts: readonly number[] | undefined;
      textOf.set(file, (line) => {
        lineStarts ??= startsOfLines(text);
        const start = lineStarts[line - 1];
        const end = lineStarts[line] ?? text.length;
        if (start === undefined || end - start > maxLine) return undefined;
        return text.slice(start, end).replace(/\r?\n$/, "");
      });
    },
  };
}

function startsOfLines(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}
