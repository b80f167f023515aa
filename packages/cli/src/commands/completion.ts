import { Argument, type Command } from "commander";
import { bashCompletion } from "../completion/bash.ts";
import { commandWords } from "../completion/command-tree.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { commandOf } from "../flags.ts";
import type { Io } from "../io.ts";

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** `umbra completion`: prints a shell script that completes commands, flags and flag values. */
export function completionCommand(io: Io): Command {
  const command = commandOf("completion", {
    summary: "print a shell completion script",
    description:
      "Prints a script that lets your shell complete umbra's commands, flags and flag values.",
    examples: [
      "source <(umbra completion bash)",
      "umbra completion zsh > ~/.zfunc/_umbra",
      "umbra completion fish > ~/.config/fish/completions/umbra.fish",
    ],
  });
  return command
    .addArgument(
      new Argument("<shell>", "shell to print the script for").choices(Object.keys(scripts)),
    )
    .action((shell: keyof typeof scripts) => {
      const root = command.parent ?? command;
      io.stdout(scripts[shell](commandWords(root)));
    });
}
