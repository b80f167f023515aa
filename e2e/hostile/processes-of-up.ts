import { readdirSync, readFileSync } from "node:fs";

/** The processes that `umbra up` runs. */
export interface UpProcesses {
  readonly sidecar: number;
  readonly envoy: number;
}

export function processesOf(up: number): UpProcesses | undefined {
  const children = readdirSync("/proc")
    .map(Number)
    .filter((pid) => parentOf(pid) === up);
  const [envoy] = children.filter((pid) => commandOf(pid).includes("--disable-hot-restart"));
  const [sidecar] = children.filter((pid) => / serve /.test(commandOf(pid)));
  return envoy === undefined || sidecar === undefined ? undefined : { sidecar, envoy };
}

/** Resident memory, in MB; 0 where the process is gone. */
export function residentMb(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(fileOf(pid, "status")) ?? [];
  return Math.round(Number(kilobytes ?? 0) / 1_024);
}

function parentOf(pid: number): number | undefined {
  const [, parent] = /^PPid:\s+(\d+)/m.exec(fileOf(pid, "status")) ?? [];
  return parent === undefined ? undefined : Number(parent);
}

function commandOf(pid: number): string {
  return fileOf(pid, "cmdline").replaceAll("\0", " ");
}

function fileOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    // No process, or it has ended meanwhile.
    return "";
  }
}
