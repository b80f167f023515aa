import { writeFileSync } from "node:fs";
import {
  renderReportHtml,
  renderReportJunit,
  renderReportMarkdown,
  type ShadowReport,
} from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import { printable } from "@umbra/shadow/printable";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { EarlierOf } from "./compare.ts";

/** Output files of a report; `-` is standard output. */
export interface ReportFiles {
  readonly html?: string;
  readonly markdown?: string;
  readonly junit?: string;
}

export interface ReportsToWrite {
  readonly files: ReportFiles;
  /** Earlier reports to compare with. */
  readonly againstOf?: EarlierOf;
}

/** Writes the requested formats. With several candidates, each gets its own file, named after its pool. */
export function writeReports(
  reports: readonly ShadowReport[],
  { files, againstOf = () => undefined }: ReportsToWrite,
  io: Io,
): void {
  const forms = [
    { file: files.html, render: renderReportHtml },
    { file: files.markdown, render: renderReportMarkdown },
    { file: files.junit, render: renderReportJunit },
  ];
  for (const { file, render } of forms) {
    if (file === undefined) continue;
    for (const report of reports) {
      const text = render(report, defined({ against: againstOf(report) }));
      const name = reports.length === 1 || file === "-" ? file : nameFor(file, report);
      if (name === "-") {
        io.stdout(text);
        continue;
      }
      try {
        writeFileSync(name, text);
      } catch (cause) {
        throw new CommandError(`${name} can't be written: ${(cause as Error).message}`, { cause });
      }
      io.stderr(`wrote ${printable(name)}\n`);
    }
  }
}

function nameFor(file: string, { candidate }: ShadowReport): string {
  const safe = candidate.pool.replace(/[^\w.-]+/g, "-");
  const dot = file.lastIndexOf(".");
  return dot < 1 ? `${file}-${safe}` : `${file.slice(0, dot)}-${safe}${file.slice(dot)}`;
}
