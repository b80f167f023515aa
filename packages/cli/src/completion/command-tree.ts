import type { Command, Option } from "commander";

/** One flag as a shell completes it. */
export interface FlagWords {
  /** As typed: `-f`, `--file`. */
  readonly names: readonly string[];
  readonly summary: string;
  /** What follows the flag: nothing, a path, one of some words, or a text that no shell can guess. */
  readonly value: "none" | "path" | "text" | readonly string[];
}

/** A command with what may follow it. */
export interface CommandWords {
  /** Without `umbra`: `["shadow", "pause"]`; none for `umbra` itself. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly commands: readonly CommandWords[];
  readonly flags: readonly FlagWords[];
}

/** What a shell has to know to complete `command` and everything below it. */
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
