import type { FileLines, LineRole, UnpairedCount, UnpairedWhy } from "@umbra/shadow/compare";

const words: Readonly<Record<UnpairedWhy, string>> = {
  no_partner: "without a partner",
  no_id: "without an id",
  repeated_id: "with an id that an earlier line has",
};

/** One line for each reason why lines of a file are in no pair, with the file's name. */
export function unusedLinesText(
  files: readonly FileLines[],
  names: Readonly<Partial<Record<LineRole, string>>>,
): readonly string[] {
  return files.flatMap(({ role, unpaired, unused, first_unused: first }) => {
    const name = names[role] ?? role;
    const problems = first.map(({ line, problem }) => `${name}:${line} ${problem}`);
    const more = unused - first.length;
    return [
      ...problems,
      ...(more > 0 ? [`${name}: ${counted(more)} more can't be read`] : []),
      ...unpaired.map((each) => `${name}: ${unpairedText(each)}`),
    ];
  });
}

function unpairedText({ why, count, first_lines: first }: UnpairedCount): string {
  const more = count > first.length ? ", …" : "";
  const listed = `${count === 1 ? "line" : "lines"} ${first.join(", ")}${more}`;
  return `not paired: ${counted(count)} ${words[why]} (${listed})`;
}

function counted(count: number): string {
  return `${count} ${count === 1 ? "line" : "lines"}`;
}
