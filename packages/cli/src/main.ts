import { styleText } from "node:util";
import { printableLines } from "@umbra/shadow/printable";
import { type Command, CommanderError } from "commander";
import { CommandError, OutcomeError, UsageError } from "./errors.ts";
import { type Io, processIo, withStdinReadOnce } from "./io.ts";

/** Runs one command line. Returns the exit status: 0 good, 1 not good, 2 wrong usage. */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  try {
    const root = await commandsFor(argv[2] ?? "", withStdinReadOnce(io));
    await root.parseAsync(argv as string[]);
    return 0;
  } catch (cause) {
    return report(cause, io);
  }
}

/** Commands that need neither the sidecar nor an HTTP client. Loading those takes most of the start-up time. */
const quick: Readonly<Record<string, (io: Io) => Promise<Command>>> = {
  render: async (io) => (await import("./commands/render.ts")).renderCommand(io),
  check: async (io) => (await import("./commands/check.ts")).checkCommand(io),
  init: async (io) => (await import("./commands/init.ts")).initCommand(io),
  docs: async (io) => (await import("./commands/docs.ts")).docsCommand(io),
  plan: async (io) => (await import("./commands/plan.ts")).planCommand(io),
};

/** Loads only the requested command if it is a quick one, else all commands. */
async function commandsFor(name: string, io: Io): Promise<Command> {
  const create = Object.hasOwn(quick, name) ? quick[name] : undefined;
  if (create === undefined) return (await import("./program.ts")).program(io);
  const { rootCommand } = await import("./root-command.ts");
  return rootCommand(io, [await create(io)]);
}

/** The exit status that shells use for a command ended by Ctrl-C. */
const interrupted = 130;

function isAbort(cause: unknown): boolean {
  return (
    typeof cause === "object" && cause !== null && "name" in cause && cause.name === "AbortError"
  );
}

function report(cause: unknown, io: Io): number {
  // Commander has already printed its own message or the help.
  if (cause instanceof CommanderError) return cause.exitCode === 0 ? 0 : 2;
  if (cause instanceof OutcomeError) return cause.status;
  if (io.signal.aborted && isAbort(cause)) return interrupted;
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
