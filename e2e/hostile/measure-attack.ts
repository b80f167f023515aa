import { setTimeout as sleep } from "node:timers/promises";
import type { Attack } from "./attack.ts";
import type { Honest } from "./honest-load.ts";
import { type CpuTimes, cpuTimesOf, residentMb, type UpProcesses } from "./processes-of-up.ts";
import type { Target } from "./target.ts";

/** Resident memory, in MB. */
export interface Memory {
  readonly before: number;
  readonly most: number;
  readonly after: number;
}

/** Of one core, in percent, while the attack continued. */
export interface CpuShares {
  /** The thread that picks. */
  readonly picking: number;
  /** That thread again: how long it waited for a processor that somebody else had. */
  readonly waiting: number;
  /** All other threads of the sidecar, of which one reads answers. */
  readonly reading: number;
  readonly envoy: number;
}

export interface Measured extends Honest {
  /** The sidecar's event loop: 99.9 % of its timers were less late, in ms. NaN where the sidecar did not say it. */
  readonly loopMs: number;
  readonly sidecar: Memory;
  readonly envoy: Memory;
  readonly cpu: CpuShares;
  /** A process has died. */
  readonly isCrashed: boolean;
  /** What the attack itself found wrong. */
  readonly wrong: string | undefined;
}

export interface MeasureOptions {
  readonly seconds: number;
  /** Memory may go back for so long, in s. */
  readonly settleSeconds: number;
  /** How much more than before may stay, in MB. */
  readonly spareMb: number;
  readonly signal: AbortSignal;
}

/** Serves honest clients next to an attack, or next to nothing, and says what they and the processes were like. */
export async function measure(
  target: Target,
  attack: Attack | undefined,
  options: MeasureOptions,
): Promise<Measured> {
  const { seconds, settleSeconds, spareMb } = options;
  const before = target.processes();
  const sidecar = watchMemory(before.sidecar);
  const envoy = watchMemory(before.envoy);
  // Reading it begins the count anew.
  await loopDelayMs(target);
  target.clients.start();
  const over = AbortSignal.any([options.signal, AbortSignal.timeout(seconds * 1_000)]);
  const cpu = watchCpu(before);
  const [wrong] = await Promise.all([
    attack?.run(target, over).catch((cause: unknown) => String(cause)),
    sleep(seconds * 1_000, undefined, { signal: options.signal }).catch(() => {}),
  ]);
  const shares = cpu.end();
  const honest = await target.clients.stop();
  const loopMs = await loopDelayMs(target);
  const settledBy = performance.now() + settleSeconds * 1_000;
  const isBack = () => residentMb(before.sidecar) <= sidecar.before + spareMb;
  while (!isBack() && performance.now() < settledBy && !options.signal.aborted) await sleep(250);
  const after = target.processes();
  return {
    ...honest,
    ...{ loopMs, wrong, cpu: shares },
    sidecar: sidecar.end(),
    envoy: envoy.end(),
    isCrashed: after.sidecar !== before.sidecar || after.envoy !== before.envoy,
  };
}

function watchMemory(pid: number): { readonly before: number; readonly end: () => Memory } {
  const before = residentMb(pid);
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, residentMb(pid));
  }, 100);
  return {
    before,
    end() {
      clearInterval(timer);
      return { before, most, after: residentMb(pid) };
    },
  };
}

function watchCpu({ sidecar, envoy }: UpProcesses): { readonly end: () => CpuShares } {
  const startedMs = performance.now();
  const [sidecarBefore, envoyBefore] = [cpuTimesOf(sidecar), cpuTimesOf(envoy)];
  return {
    end() {
      const share = (ms: number) => (100 * ms) / (performance.now() - startedMs);
      const [sidecarAfter, envoyAfter] = [cpuTimesOf(sidecar), cpuTimesOf(envoy)];
      const all = ({ firstMs, othersMs }: CpuTimes) => firstMs + othersMs;
      return {
        picking: share(sidecarAfter.firstMs - sidecarBefore.firstMs),
        waiting: share(sidecarAfter.firstWaitedMs - sidecarBefore.firstWaitedMs),
        reading: share(sidecarAfter.othersMs - sidecarBefore.othersMs),
        envoy: share(all(envoyAfter) - all(envoyBefore)),
      };
    },
  };
}

/** Of the time since the call before. */
async function loopDelayMs(target: Target): Promise<number> {
  const text = await target.metrics().catch(() => "");
  const [, seconds] = /^umbra_event_loop_delay_seconds\{quantile="0.999"\} (\S+)/m.exec(text) ?? [];
  return Number(seconds ?? Number.NaN) * 1_000;
}
