import { pathToFileURL } from "node:url";
import { type Diagnostic, diagnosticCodes, referenceOf } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import { version } from "../version.ts";

const levels = { error: "error", warning: "warning", info: "note" } as const;

/** The findings as a SARIF 2.1.0 log, which code hosts and editors read. */
export function sarifOf(diagnostics: readonly Diagnostic[]): object {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort();
  const known: Readonly<Record<string, { readonly meaning: string; readonly remedy: string }>> =
    diagnosticCodes;
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "umbra check",
            version,
            rules: codes.map((id) => ({
              id,
              shortDescription: { text: known[id]?.meaning ?? id },
              help: { text: `${known[id]?.remedy ?? ""} (${referenceOf(id)})` },
            })),
          },
        },
        columnKind: "utf16CodeUnits",
        results: diagnostics.map((diagnostic) => ({
          ruleId: diagnostic.code,
          ruleIndex: codes.indexOf(diagnostic.code),
          level: levels[diagnostic.severity],
          message: { text: `${diagnostic.message}; ${diagnostic.remedy}` },
          ...defined({ properties: diagnostic.condition && { condition: diagnostic.condition } }),
          ...locationsOf(diagnostic),
        })),
      },
    ],
  };
}

/** Empty if the finding has no file: it is about standard input or a flag. */
function locationsOf({ file, path, line, column, endColumn, sourceLine }: Diagnostic): object {
  if (path !== undefined) {
    const fullyQualifiedName = path === "" ? file : `${file}: ${path}`;
    return { locations: [{ logicalLocations: [{ fullyQualifiedName }] }] };
  }
  if (file === "-" || file === "command line") return {};
  return {
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(file) },
          region: {
            startLine: line,
            startColumn: column,
            ...defined({ endColumn }),
            ...(sourceLine === undefined ? {} : { snippet: { text: sourceLine } }),
          },
        },
      },
    ],
  };
}

/** Relative paths stay relative: code hosts expect that. */
function uriOf(file: string): string {
  if (file.startsWith("/")) return pathToFileURL(file).href;
  const path = file.replaceAll("\\", "/").replace(/^\.\//, "");
  return path.split("/").map(encodeURIComponent).join("/");
}
