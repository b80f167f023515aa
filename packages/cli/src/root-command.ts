import { printableLines } from "@umbra/shadow/printable";
import { Command } from "commander";
import { checkFlagShapes } from "./flag-shapes.ts";
import type { Io } from "./io.ts";
import { version } from "./version.ts";

export function rootCommand(io: Io, commands: readonly Command[]): Command {
  const root = new Command("umbra")
    .description(
      "Smart endpoint picking, smart mirroring and shadow evaluation for LLM inference behind Envoy.",
    )
    .version(version)
    .helpCommand(true)
    .showSuggestionAfterError(true)
    .addHelpText(
      "after",
      "\nStart here:\n  $ umbra demo\n  $ umbra init\n  $ umbra up --primary 10.0.0.1:8000 --shadow 10.0.1.1:8000",
    );
  for (const command of commands) root.addCommand(command);
  for (const command of [root, ...commands, ...commands.flatMap((each) => each.commands)]) {
    checkFlagShapes(command);
    command.exitOverride().configureOutput({
      writeOut: io.stdout,
      // Commander quotes arguments without escaping them.
      writeErr: (text) => io.stderr(printableLines(text)),
    });
  }
  return root;
}
