import { Argument, type Command } from "commander";
import { bashCompletion } from "../completion/bash.ts";
import { commandWords } from "../completion/command-tree.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { commandOf } from "../flags.ts";
import type { Io } from "../io.ts";

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** `umbra completion`: a script with which a shell completes commands, flags and their values. */
export function completionCommand(io: Io): Command {
  const command = commandOf("completion", {
    summary: "print a script for completion in a shell",
    description:
      "Prints a script with which your shell completes the commands of umbra, their flags, and the values of those flags.",
    examples: [
      "source <(umbra completion bash)",
      "umbra completion zsh > ~/.zfunc/_umbra",
      "umbra completion fish > ~/.config/fish/completions/umbra.fish",
    ],
  });
  return command
    .addArgument(new Argument("<shell>", "which shell").choices(Object.keys(scripts)))
    .action((shell: keyof typeof scripts) => {
      const root = command.parent ?? command;
      io.stdout(scripts[shell](commandWords(root)));
    });
}
