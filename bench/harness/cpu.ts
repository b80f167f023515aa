/** The processor's time, so that what else the machine does is not counted. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
