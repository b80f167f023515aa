/** The command line is wrong; exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command did its work, and its outcome is told by an exit status of its own. */
export class OutcomeError extends Error {
  override readonly name = "OutcomeError";
  readonly status: number;

  constructor(status: number) {
    super("");
    this.status = status;
  }
}

/** The command could not do its work, for the reason the message gives; exit status 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
