import type { CommandWords, FlagWords } from "./command-tree.ts";
import { allOf, singleQuoted } from "./words.ts";

/** A script for zsh: `source <(umbra completion zsh)`, or a file `_umbra` in a folder of `$fpath`. */
export function zshCompletion(root: CommandWords): string {
  return `#compdef umbra
# zsh completion of umbra
${allOf(root).map(functionOf).join("\n")}
if [ "$funcstack[1]" = _umbra ]; then _umbra "$@"; else compdef _umbra umbra; fi
`;
}

function functionOf({ path, commands, flags }: CommandWords): string {
  const specs = flags.map((flag) => `    ${flagSpec(flag)}`);
  if (commands.length === 0)
    return `${nameOf(path)}() {\n  _arguments -s \\\n${[...specs, "    '*:path:_files'"].join(" \\\n")}\n}`;
  const names = commands.map((each) =>
    singleQuoted(`${each.path.at(-1)}:${each.summary.replaceAll(":", "\\:")}`),
  );
  const cases = commands.map((each) => `    ${each.path.at(-1)}) ${nameOf(each.path)} ;;`);
  return `${nameOf(path)}() {
  local line state
  _arguments -C \\
${[...specs, "    '1: :->command'", "    '*:: :->rest'"].join(" \\\n")}
  case $state in
  command) local -a commands; commands=(${names.join(" ")}); _describe command commands ;;
  rest) case $line[1] in
${cases.join("\n")}
    esac ;;
  esac
}`;
}

function nameOf(path: readonly string[]): string {
  return ["_umbra", ...path].join("_");
}

/** Every flag may be repeated, because some are lists. */
function flagSpec({ names, summary, value }: FlagWords): string {
  const written = names.length > 1 ? `{${names.join(",")}}` : "";
  const [only = ""] = names.length > 1 ? [] : names;
  return `${singleQuoted(`*${only}`)}${written}${singleQuoted(`[${summary.replaceAll(/[[\]\\]/g, "\\$&")}]${valueSpec(value)}`)}`;
}

function valueSpec(value: FlagWords["value"]): string {
  switch (value) {
    case "none":
      return "";
    case "path":
      return ":path:_files";
    case "text":
      return ":value: ";
    default:
      return `:value:(${value.join(" ")})`;
  }
}
