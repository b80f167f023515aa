/** A table as it is printed. The first column is text, all others are numbers. */
export interface Table {
  readonly title: string;
  /** What the numbers are, in a sentence or two. */
  readonly note: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns of text by index, beside the first. */
  readonly text?: readonly number[];
}

/** The table for a terminal, columns aligned. */
export function textOf({ title, note, columns, rows, text = [] }: Table): string {
  const widths = columns.map((column, at) =>
    Math.max(column.length, ...rows.map((row) => (row[at] ?? "").length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) =>
        at === 0 || text.includes(at)
          ? cell.padEnd(widths[at] ?? 0)
          : cell.padStart(widths[at] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return `${title}\n${note}\n\n${line(columns)}\n${rule}\n${rows.map(line).join("\n")}\n`;
}

/** The same in Markdown. */
export function markdownOf({ title, note, columns, rows, text = [] }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = line(columns.map((_, at) => (at === 0 || text.includes(at) ? "---" : "--:")));
  return `### ${title}\n\n${note}\n\n${line(columns)}\n${rule}\n${rows.map(line).join("\n")}\n`;
}
