import { readFileSync } from "node:fs";
import { diagnosticCodes } from "@umbra/envoy-config";
import { CommandError, UsageError } from "../errors.ts";
import { shippedFile } from "../process/shipped-file.ts";

/** Returns the section of `docs/errors.md` about a code, e.g. `UMB0203` (upper or lower case). */
export function explainCode(code: string): string {
  const wanted = code.toUpperCase();
  if (!Object.hasOwn(diagnosticCodes, wanted)) {
    throw new UsageError(
      `--explain: no diagnostic has the code "${code.slice(0, 32)}"; docs/errors.md lists all codes`,
    );
  }
  const section = sectionOf(readFileSync(shippedFile("docs/errors.md"), "utf8"), wanted);
  if (section === undefined) throw new CommandError(`docs/errors.md has no section ${wanted}`);
  return section;
}

/** Returns the text from the heading of the code to the next heading. */
function sectionOf(page: string, code: string): string | undefined {
  const lines = page.split("\n");
  const start = lines.indexOf(`### ${code}`);
  if (start < 0) return undefined;
  const length = lines.slice(start + 1).findIndex((line) => /^#{1,3} /.test(line));
  const section = lines.slice(start, length < 0 ? undefined : start + 1 + length);
  return `${section.join("\n").replace(/^### /, "").trim()}\n`;
}
