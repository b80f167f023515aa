import { defined } from "@umbra/shadow/defined";
import type { LineCounter } from "yaml";
import { type DiagnosticCode, diagnosticCodes } from "../codes.ts";
import type { Diagnostic, RuleRef, Severity } from "../diagnostic.ts";

/** Where a value stands. */
export interface Place extends Pick<Diagnostic, "file" | "line" | "column" | "endColumn"> {
  /** The line may hold a secret, and is not shown. */
  readonly isSecret?: boolean;
}

/** What a diagnostic may say besides its message. */
export type DiagnosticExtras = Partial<Pick<Diagnostic, "remedy" | "condition" | "rule">>;

/** Collects diagnostics of one read. */
export type Report = (
  severity: Severity,
  code: DiagnosticCode,
  place: Place,
  message: string,
  extras?: DiagnosticExtras,
) => void;

/** Reports what was found in a rule. */
export function inRule(report: Report, rule: RuleRef): Report {
  return (...[severity, code, place, message, extras]) =>
    report(severity, code, place, message, { ...extras, rule });
}

export interface ReportSink {
  readonly report: Report;
  readonly diagnostics: Diagnostic[];
  /** From now on diagnostics of the file show the line that they speak of. */
  readonly show: (file: string, text: string, lines: LineCounter) => void;
}

/** Of each severity; who has more fixes these first. */
const maxFindings = 1_000;

/** A longer line is generated, and its start says nothing. */
const maxLine = 4_096;

/** A message may quote names and values, which may be of any length. */
const maxMessage = 1_000;

function bounded(text: string): string {
  return text.length <= maxMessage ? text : `${text.slice(0, maxMessage)}…`;
}

/** Collects diagnostics, with the lines that they speak of. */
export function createReport(): ReportSink {
  const diagnostics: Diagnostic[] = [];
  const counts: Record<Severity, number> = { error: 0, warning: 0, info: 0 };
  const lineOf = new Map<string, (line: number) => string | undefined>();

  const add: Report = (severity, code, place, message, { remedy, condition, rule } = {}) => {
    const { file, line, column, endColumn, isSecret } = place;
    const sourceLine = isSecret === true ? undefined : lineOf.get(file)?.(line);
    diagnostics.push({
      ...{ severity, code, message: bounded(message) },
      remedy: bounded(remedy ?? diagnosticCodes[code].remedy),
      ...{ file, line, column },
      ...defined({ endColumn, sourceLine, condition, rule }),
    });
  };
  return {
    diagnostics,
    report: (severity, code, place, message, extras) => {
      const count = ++counts[severity];
      if (count <= maxFindings) add(severity, code, place, message, extras);
      if (count === maxFindings + 1) {
        const { file, line, column } = place;
        const more = `there are more findings of severity ${severity} than the ${maxFindings} that are shown`;
        add("info", "UMB0109", { file, line, column }, more);
      }
    },
    show(file, text, { lineStarts }) {
      lineOf.set(file, (line) => {
        const start = lineStarts[line - 1];
        const end = lineStarts[line] ?? text.length;
        if (start === undefined || end - start > maxLine) return undefined;
        return text.slice(start, end).replace(/\r?\n$/, "");
      });
    },
  };
}
