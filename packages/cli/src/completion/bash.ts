import type { CommandWords, FlagWords } from "./command-tree.ts";
import { allOf, singleQuoted } from "./words.ts";

/** A script for bash 3.2 and later: `source <(umbra completion bash)`. */
export function bashCompletion(root: CommandWords): string {
  const commands = allOf(root);
  const descents = commands
    .filter(({ path }) => path.length > 0)
    .map(({ path }) => {
      const [own, ...parents] = [...path].reverse();
      const parent = parents.reverse().join(" ");
      return `      ${singleQuoted(`${parent}/${own}`)}) path=${singleQuoted(path.join(" "))} ;;`;
    });
  const values = commands.flatMap(({ path, flags }) =>
    flags.flatMap((flag) => valueCase(path.join(" "), flag)),
  );
  const words = commands.map(({ path, commands: below, flags }) => {
    const names = [
      ...below.map((each) => each.path.at(-1) ?? ""),
      ...flags.flatMap((flag) => flag.names),
    ];
    return `    ${singleQuoted(path.join(" "))}) words=${singleQuoted(names.join(" "))} ;;`;
  });
  return `# bash completion of umbra
_umbra() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local path='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path/$word" in
${descents.join("\n")}
    esac
  done
  COMPREPLY=()
  case "$path/$previous" in
${values.join("\n")}
  esac
  case "$path" in
${words.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _umbra umbra
`;
}

function valueCase(path: string, { names, value }: FlagWords): readonly string[] {
  if (value === "none") return [];
  const labels = names.map((name) => singleQuoted(`${path}/${name}`)).join(" | ");
  const reply =
    value === "path"
      ? `compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current"))`
      : value === "text"
        ? ":"
        : `COMPREPLY=($(compgen -W ${singleQuoted(value.join(" "))} -- "$current"))`;
  return [`    ${labels}) ${reply}; return ;;`];
}
