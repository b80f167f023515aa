import type { Argument, Command, Option } from "commander";

/** `docs/reference/cli.md`: every command with its arguments, flags and examples, as `--help` has them. */
export function commandPage(root: Command): string {
  const commands = root.commands.filter((each) => each.name() !== "help");
  const list = commands.map(
    (each) => `| [\`umbra ${each.name()}\`](#umbra-${each.name()}) | ${each.summary()} |`,
  );
  const head = [
    "# Commands",
    "",
    "<!-- Written by `UPDATE_GOLDEN=1 npm run test:unit -- cli-page`; edit the commands in packages/cli/src instead. -->",
    "",
    "`umbra COMMAND --help` prints the same text.",
    "Data goes to stdout, messages go to stderr.",
    "The exit status is 0 if all is well, 1 if not, and 2 if the command line is wrong.",
    "",
    table(["command", "what it does"], list),
  ];
  return `${[...head, ...commands.flatMap((each) => sections(each, "umbra"))].join("\n")}\n`;
}

/** One command, then each of its subcommands. */
function sections(command: Command, parent: string): readonly string[] {
  const name = `${parent} ${command.name()}`;
  const help = command.createHelp();
  const options = help.visibleOptions(command).filter(({ long }) => long !== "--help");
  const own = [
    "",
    `## ${name}`,
    "",
    sentencesOf(command.description()),
    "",
    fenced(help.commandUsage(command)),
    ...argumentTable(command.registeredArguments),
    ...optionTable(options),
    ...examplesOf(command),
  ];
  const inner = command.commands.filter((each) => each.name() !== "help");
  return [...own, ...inner.flatMap((each) => sections(each, name))];
}

function argumentTable(args: readonly Argument[]): readonly string[] {
  if (args.length === 0) return [];
  const rows = args.map(
    (each) => `| \`${each.name()}\` | ${sentence(textCell(each.description))} |`,
  );
  return ["", table(["argument", "meaning"], rows)];
}

function optionTable(options: readonly Option[]): readonly string[] {
  if (options.length === 0) return [];
  const rows = options.map((each) => {
    const isPlain = each.negate || each.defaultValue === undefined || each.defaultValue === false;
    const initial = isPlain ? "" : `\`${valueText(each.defaultValue)}\``;
    const choices = each.argChoices?.map((choice) => `\`${choice}\``).join(", ");
    const must = each.mandatory ? " Required." : "";
    const among = choices === undefined ? "" : ` One of ${choices}.`;
    return `| \`${cell(each.flags)}\` | ${sentence(textCell(each.description))}${among}${must} | ${initial} |`;
  });
  return ["", table(["flag", "meaning", "default"], rows)];
}

/** The lines of the help text that begin with a prompt. */
function examplesOf(command: Command): readonly string[] {
  let text = "";
  command.configureOutput({ ...command.configureOutput(), writeOut: (part) => (text += part) });
  command.outputHelp();
  const lines = text.split("\n").filter((line) => line.startsWith("  $ "));
  return lines.length === 0 ? [] : ["", fenced(lines.map((line) => line.slice(4)).join("\n"))];
}

function table(head: readonly string[], rows: readonly string[]): string {
  return [`| ${head.join(" | ")} |`, `|${" --- |".repeat(head.length)}`, ...rows].join("\n");
}

function fenced(text: string): string {
  return `\`\`\`sh\n${text}\n\`\`\``;
}

/** In a Markdown source each sentence has a line. */
function sentencesOf(text: string): string {
  return text.replace(/([.:!?]) (?=[A-Z])/g, "$1\n");
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return capital.endsWith(".") ? capital : `${capital}.`;
}

function cell(text: string): string {
  return text.replace(/\s+/g, " ").replaceAll("|", "\\|");
}

/** Outside of code, `<name>` would be HTML, and not be shown. */
function textCell(text: string): string {
  return cell(text).replaceAll("<", "&lt;");
}

function valueText(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join(",") : String(value);
}
