import { styleText } from "node:util";
import { printableLines } from "@umbra/shadow/printable";
import { Command, CommanderError } from "commander";
import { checkCommand } from "./commands/check.ts";
import { demoCommand } from "./commands/demo.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { explainCommand } from "./commands/explain.ts";
import { initCommand } from "./commands/init.ts";
import { loadCommand } from "./commands/load.ts";
import { planCommand } from "./commands/plan.ts";
import { renderCommand } from "./commands/render.ts";
import { reportCommand } from "./commands/report.ts";
import { serveCommand } from "./commands/serve.ts";
import { shadowCommand } from "./commands/shadow.ts";
import { simulateCommand } from "./commands/simulate.ts";
import { upCommand } from "./commands/up.ts";
import { verifyCommand } from "./commands/verify.ts";
import { CommandError, OutcomeError, UsageError } from "./errors.ts";
import { checkFlagShapes } from "./flag-shapes.ts";
import { type Io, processIo, withStdinReadOnce } from "./io.ts";
import { version } from "./version.ts";

/** Runs one command line. Returns the exit status: 0 good, 1 not good, 2 wrong usage. */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  try {
    await program(withStdinReadOnce(io)).parseAsync(argv as string[]);
    return 0;
  } catch (cause) {
    return report(cause, io);
  }
}

/** All commands with their options. */
export function program(io: Io): Command {
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
  const commands = [
    renderCommand(io),
    checkCommand(io),
    doctorCommand(io),
    initCommand(io),
    serveCommand(io),
    upCommand(io),
    simulateCommand(io),
    demoCommand(io),
    verifyCommand(io),
    loadCommand(io),
    reportCommand(io),
    planCommand(io),
    explainCommand(io),
    shadowCommand(io),
  ];
  for (const command of commands) root.addCommand(command);
  for (const command of [root, ...commands, ...commands.flatMap((each) => each.commands)]) {
    checkFlagShapes(command);
    command.exitOverride().configureOutput({
      writeOut: io.stdout,
      // It quotes arguments as they are.
      writeErr: (text) => io.stderr(printableLines(text)),
    });
  }
  return root;
}

function report(cause: unknown, io: Io): number {
  // Commander has written its own message, or the help that was asked for.
  if (cause instanceof CommanderError) return cause.exitCode === 0 ? 0 : 2;
  if (cause instanceof OutcomeError) return cause.status;
  const isKnown = cause instanceof UsageError || cause instanceof CommandError;
  const message = isKnown
    ? cause.message
    : cause instanceof Error
      ? (cause.stack ?? cause.message)
      : String(cause);
  if (message !== "") {
    io.stderr(
      `${io.hasColour ? styleText("red", "error:") : "error:"} ${printableLines(message)}\n`,
    );
  }
  return cause instanceof UsageError ? 2 : 1;
}
