import { styleText } from "node:util";
import { printable, printableColumns } from "@umbra/shadow/printable";
import { referenceOf } from "./codes.ts";
import { conditionText } from "./conditions.ts";
import type { Diagnostic } from "./diagnostic.ts";

export interface DiagnosticTextOptions {
  /** False when absent. */
  readonly hasColour?: boolean;
}

const colours = { error: "red", warning: "yellow", info: "cyan" } as const;

/** The number of characters shown of a long line. */
const maxShown = 120;

/**
 * Formats a diagnostic: `FILE:LINE:COLUMN severity code message` (`OBJECT: PATH` for an object of an API server), the source line with carets under the error, the
 * fix, and a link to the explanation. Escapes terminal control characters. Does not end with a line break.
 */
export function formatDiagnostic(
  diagnostic: Diagnostic,
  { hasColour = false }: DiagnosticTextOptions = {},
): string {
  const { line, severity, code, message, remedy, condition } = diagnostic;
  const style = (name: Parameters<typeof styleText>[0], text: string) =>
    hasColour ? styleText(name, text, { validateStream: false }) : text;
  const set = condition === undefined ? "" : ` [${conditionText(condition)}]`;
  const margin = " ".repeat(String(line).length);
  const excerpt = excerptOf(diagnostic);
  return [
    `${placeText(diagnostic)} ${style(colours[severity], `${severity} ${code}`)} ${printable(message + set)}`,
    ...(excerpt === undefined
      ? []
      : [
          style("dim", `  ${line} |`) + excerpt.text,
          style("dim", `  ${margin} |`) + style(colours[severity], excerpt.carets),
        ]),
    `  ${excerpt === undefined ? "" : `${margin}   `}${style("bold", "help:")} ${printable(remedy)} (${referenceOf(code)})`,
  ].join("\n");
}

/** The place: in a file, in an object, or in a text in an object, where it is not at the beginning. */
function placeText({ file, path, line, column }: Diagnostic): string {
  if (path === undefined) return `${printable(file)}:${line}:${column}`;
  const inside = line === 1 && column === 1 ? "" : `:${line}:${column}`;
  return `${printable(file)}:${path === "" ? "" : ` ${printable(path)}`}${inside}`;
}

/** The part of the line around the error, and the carets. Each starts with a space unless it is empty. */
function excerptOf({
  sourceLine,
  column,
  endColumn = column + 1,
}: Diagnostic): { readonly text: string; readonly carets: string } | undefined {
  if (sourceLine === undefined || sourceLine.trim() === "") return undefined;
  const at = Math.min(column - 1, sourceLine.length);
  const start = at < maxShown - 20 ? 0 : at - 20;
  const shown = printableColumns(sourceLine.slice(start, start + maxShown)).trimEnd();
  const width = Math.max(1, Math.min(endColumn - column, start + shown.length - at));
  return { text: ` ${shown}`, carets: ` ${" ".repeat(at - start)}${"^".repeat(width)}` };
}
