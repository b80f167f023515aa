/** The command line is wrong; exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command succeeded and reports its outcome through a specific exit status. */
export class OutcomeError extends Error {
  override readonly name = "OutcomeError";
  readonly status: number;

  constructor(status: number) {
    super("");
    this.status = status;
  }
}

/** The command failed for the reason in the message; exit status 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
