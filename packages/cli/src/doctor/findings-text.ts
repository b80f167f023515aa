import { styleText } from "node:util";
import { referenceOf } from "@umbra/envoy-config";
import { printable } from "@umbra/shadow/printable";
import type { Io } from "../io.ts";
import type { Finding } from "./finding.ts";

const marks = { ok: "ok", info: "info", warning: "warning", error: "error" } as const;
const colours = { ok: "green", info: "cyan", warning: "yellow", error: "red" } as const;
const width = "warning".length;

/** Formats the findings by area, each with its remedy. Escapes terminal control characters in whatever an endpoint answered. */
export function findingsText(
  findings: readonly Finding[],
  { hasColour }: Pick<Io, "hasColour">,
): string {
  const style = (name: Parameters<typeof styleText>[0], text: string) =>
    hasColour ? styleText(name, text, { validateStream: false }) : text;
  const lines: string[] = [];
  for (const [area, of] of Map.groupBy(findings, (finding) => finding.area)) {
    lines.push(style("bold", printable(area)));
    for (const { severity, code, message, remedy } of of) {
      const mark = style(colours[severity], marks[severity].padEnd(width));
      lines.push(`  ${mark}  ${code === undefined ? "" : `${code} `}${printable(message)}`);
      if (remedy === undefined || code === undefined) continue;
      lines.push(
        `  ${" ".repeat(width)}  ${style("bold", "help:")} ${printable(remedy)} (${referenceOf(code)})`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}
