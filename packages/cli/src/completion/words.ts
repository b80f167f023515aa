import type { CommandWords } from "./command-tree.ts";

/** The command and all below it. */
export function allOf(command: CommandWords): readonly CommandWords[] {
  return [command, ...command.commands.flatMap(allOf)];
}

/** A word that bash, zsh and fish all read as it is; a quote inside closes the quoted part, is written with a backslash, and opens it again. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
