/** What a server has used so far. */
export interface Usage {
  /** User and system, in ms. */
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** Tells the parent where this server listens, and what it has used whenever it asks. */
export function tell(port: number): void {
  process.on("message", (asked) => {
    // Not by a signal: a profile is written at the end.
    if (asked === "stop") process.exit(0);
    const { user, system } = process.cpuUsage();
    const usage: Usage = {
      cpuMs: (user + system) / 1_000,
      rssMb: process.memoryUsage().rss / 2 ** 20,
    };
    process.send?.(usage);
  });
  process.send?.(port);
}
