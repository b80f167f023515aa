import type { CommandWords, FlagWords } from "./command-tree.ts";
import { allOf } from "./words.ts";

/** A script for fish: `umbra completion fish | source`. */
export function fishCompletion(root: CommandWords): string {
  const lines = allOf(root).flatMap((command) => {
    const condition = conditionOf(command);
    return [
      ...command.commands.map(
        (each) =>
          `complete -c umbra -f -n ${quoted(condition)} -a ${quoted(each.path.at(-1) ?? "")} -d ${quoted(each.summary)}`,
      ),
      ...command.flags.map((flag) => `complete -c umbra -n ${quoted(condition)} ${flagLine(flag)}`),
    ];
  });
  return `# fish completion of umbra\n${lines.join("\n")}\n`;
}

/** The condition that `command` is the last command on the line. */
function conditionOf({ path, commands }: CommandWords): string {
  const seen = path.map((name) => `__fish_seen_subcommand_from ${name}`);
  const names = commands.map((each) => each.path.at(-1)).join(" ");
  const none = names === "" ? [] : [`not __fish_seen_subcommand_from ${names}`];
  return [...seen, ...none].join("; and ") || "true";
}

function flagLine({ names, summary, value }: FlagWords): string {
  const flags = names.map((name) =>
    name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  const after =
    value === "none"
      ? []
      : value === "path"
        ? ["-r", "-F"]
        : value === "text"
          ? ["-x"]
          : ["-x", `-a ${quoted(value.join(" "))}`];
  return [...flags, ...after, `-d ${quoted(summary)}`].join(" ");
}

/** Unlike other shells, fish unescapes `\'` and `\\` inside single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
