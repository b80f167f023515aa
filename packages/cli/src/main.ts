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

/** By name, what loads one command. Loading all of them would take most of a command's start-up time. */
const commands: Readonly<Record<string, (io: Io) => Promise<Command>>> = {
  render: async (io) => (await import("./commands/render.ts")).renderCommand(io),
  check: async (io) => (await import("./commands/check.ts")).checkCommand(io),
  doctor: async (io) => (await import("./commands/doctor.ts")).doctorCommand(io),
  init: async (io) => (await import("./commands/init.ts")).initCommand(io),
  install: async (io) => (await import("./commands/install.ts")).installCommand(io),
  serve: async (io) => (await import("./commands/serve.ts")).serveCommand(io),
  up: async (io) => (await import("./commands/up.ts")).upCommand(io),
  simulate: async (io) => (await import("./commands/simulate.ts")).simulateCommand(io),
  demo: async (io) => (await import("./commands/demo.ts")).demoCommand(io),
  verify: async (io) => (await import("./commands/verify.ts")).verifyCommand(io),
  load: async (io) => (await import("./commands/load.ts")).loadCommand(io),
  report: async (io) => (await import("./commands/report.ts")).reportCommand(io),
  compare: async (io) => (await import("./commands/compare.ts")).compareCommand(io),
  plan: async (io) => (await import("./commands/plan.ts")).planCommand(io),
  explain: async (io) => (await import("./commands/explain.ts")).explainCommand(io),
  shadow: async (io) => (await import("./commands/shadow.ts")).shadowCommand(io),
  docs: async (io) => (await import("./commands/docs.ts")).docsCommand(io),
};

/** Loads only the command that the first argument names; all of them for a wrong name, for help, and for completion. */
async function commandsFor(name: string, io: Io): Promise<Command> {
  const { rootCommand } = await import("./root-command.ts");
  if (name === "--version" || name === "-V") return rootCommand(io, []);
  const create = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (create === undefined) return (await import("./program.ts")).program(io);
  return rootCommand(io, [await create(io)]);
}

/** The exit status that shells use for a command ended by Ctrl-C. */
const interrupted = 130;

/** Errors of what a signal ended, and its reason, which `throwIfAborted` throws. */
function isAbort(cause: unknown, { reason }: AbortSignal): boolean {
  if (cause === reason) return true;
  return (
    typeof cause === "object" && cause !== null && "name" in cause && cause.name === "AbortError"
  );
}

function report(cause: unknown, io: Io): number {
  // Commander has already printed its own message or the help.
  if (cause instanceof CommanderError) return cause.exitCode === 0 ? 0 : 2;
  if (cause instanceof OutcomeError) return cause.status;
  if (io.signal.aborted && isAbort(cause, io.signal)) return interrupted;
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
