/** Tells the parent where this server listens; ends when the parent says anything. */
export function tell(port: number): void {
  // Not by a signal: a profile is written at the end.
  process.on("message", () => process.exit(0));
  process.send?.(port);
}
