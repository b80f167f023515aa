import { conditionText, type Diagnostic, referenceOf } from "@umbra/envoy-config";
import { printable } from "@umbra/shadow/printable";

const commands = { error: "error", warning: "warning", info: "notice" } as const;

/** Formats a finding as a GitHub Actions workflow command, which shows it at its line. Escapes everything that could start another command. */
export function githubAnnotation(diagnostic: Diagnostic): string {
  const { severity, code, message, remedy, file, line, column, endColumn, condition } = diagnostic;
  const place =
    file === "-" || file === "command line"
      ? {}
      : { file, line, col: column, ...(endColumn === undefined ? {} : { endColumn }) };
  const properties = Object.entries({ ...place, title: code })
    .map(([name, value]) => `${name}=${escapeProperty(String(value))}`)
    .join(",");
  const set = condition === undefined ? "" : ` [${conditionText(condition)}]`;
  const text = `${message}${set}\n${remedy} (${referenceOf(code)})`;
  return `::${commands[severity]} ${properties}::${escapeData(text)}\n`;
}

function escapeData(text: string): string {
  const lines = text.split("\n").map((line) => printable(line).replaceAll("%", "%25"));
  return lines.join("%0A");
}

function escapeProperty(text: string): string {
  return printable(text).replaceAll("%", "%25").replaceAll(":", "%3A").replaceAll(",", "%2C");
}
