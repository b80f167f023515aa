import type { Command, Option } from "commander";

/** A flag, as shell completion needs it. */
export interface FlagWords {
  /** As typed: `-f`, `--file`. */
  readonly names: readonly string[];
  readonly summary: string;
  /** The value after the flag: none, a path, one of a list of words, or free text. */
  readonly value: "none" | "path" | "text" | readonly string[];
}

/** A command with its subcommands and flags. */
export interface CommandWords {
  /** Without `umbra`, e.g. `["shadow", "pause"]`; empty for `umbra` itself. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly commands: readonly CommandWords[];
  readonly flags: readonly FlagWords[];
}

/** Collects what a shell needs to complete `command` and its subcommands. */
export function commandWords(command: Command, path: readonly string[] = []): CommandWords {
  const help = command.createHelp();
  return {
    path,
    summary: oneLine(command.summary() || command.description()),
    commands: command.commands.map((each) => commandWords(each, [...path, each.name()])),
    flags: help.visibleOptions(command).map(flagWords),
  };
}

function flagWords(option: Option): FlagWords {
  const { short, long, argChoices, flags, description } = option;
  return {
    names: [short, long].filter((name) => name !== undefined),
    summary: oneLine(description),
    value: argChoices ?? valueKind(flags, option.required || option.optional),
  };
}

const pathWords = /[<[](?:path|file|dir|folder)[^\]>]*[\]>]/i;

function valueKind(flags: string, takesValue: boolean): "none" | "path" | "text" {
  if (!takesValue) return "none";
  return pathWords.test(flags) ? "path" : "text";
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
