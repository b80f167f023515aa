import Table from "cli-table3";

/**
 * Formats a table without lines, which stays readable when pasted into a ticket. `aligns` has `l` or `r` for each
 * column.
 */
export function plainTable(
  head: readonly string[],
  aligns: string,
  rows: readonly (readonly string[])[],
): readonly string[] {
  const none = ["top", "bottom", "left", "right", "mid"].flatMap((edge) => [
    [edge, ""],
    [`${edge}-mid`, ""],
    [`${edge}-left`, ""],
    [`${edge}-right`, ""],
  ]);
  const drawn = new Table({
    head: [...head],
    chars: { ...Object.fromEntries(none), left: " ", middle: " " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 1 },
    colAligns: [...aligns].map((side) => (side === "l" ? "left" : "right")),
  });
  drawn.push(...rows.map((row) => [...row]));
  return drawn.toString().split("\n");
}

/** Breaks a line between words. Continuation lines are indented; a word longer than the line is cut. */
export function broken(line: string, columns: number = Number.POSITIVE_INFINITY): string[] {
  const width = Math.max(40, columns);
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    const end = space > 12 ? space : width;
    lines.push(rest.slice(0, end).trimEnd());
    rest = `     ${rest.slice(end).trimStart()}`;
  }
  return [...lines, rest];
}
