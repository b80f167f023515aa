import { readFileSync } from "node:fs";

/** User and system time of a process so far, in ms: fields 14 and 15 of /proc/PID/stat, in hundredths of a second. */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
