import type { CommandWords } from "./command-tree.ts";

/** Returns the command and all its subcommands. */
export function allOf(command: CommandWords): readonly CommandWords[] {
  return [command, ...command.commands.flatMap(allOf)];
}

/**
 * Quotes a word so that bash, zsh and fish take it literally. A quote inside ends the quoted part, is escaped with a
 * backslash, and starts a new quoted part.
 */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
