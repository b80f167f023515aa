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

/** What the threads of a process have had of the processors, in ms since they began. */
export interface CpuTimes {
  /** The first thread: of the sidecar the one that picks. */
  readonly firstMs: number;
  /** How long the first one has waited for a processor that others had. */
  readonly firstWaitedMs: number;
  /** All other threads. Those that have ended are not counted any more. */
  readonly othersMs: number;
}

export function cpuTimesOf(pid: number): CpuTimes {
  let [firstMs, firstWaitedMs, othersMs] = [0, 0, 0];
  for (const thread of threadsOf(pid)) {
    const [ran = 0, waited = 0] = fileOf(pid, `task/${thread}/schedstat`).split(" ").map(Number);
    if (Number(thread) === pid) [firstMs, firstWaitedMs] = [ran / 1e6, waited / 1e6];
    else othersMs += ran / 1e6;
  }
  return { firstMs, firstWaitedMs, othersMs };
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    // It has ended meanwhile.
    return [];
  }
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
