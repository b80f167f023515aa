/** The command line is wrong; exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command could not do its work, for the reason the message gives; exit status 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
