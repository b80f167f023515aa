import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Honest } from "./honest-load.ts";

/**
 * Honest clients of one gateway, in a process of their own: an attack whose bytes are made in this one must not show in
 * their times.
 */
export interface HonestClients {
  start(): void;
  /** Sends no more, waits for those under way, and says what was seen since the start. */
  stop(): Promise<Honest>;
  close(): Promise<void>;
}

const file = fileURLToPath(new URL("honest-clients-process.ts", import.meta.url));
/** Each request gives up after half of that. */
const longestMs = 60_000;

export async function startHonestClients(origin: string): Promise<HonestClients> {
  const child: ChildProcess = fork(file, [origin], { execArgv: ["--conditions=@umbra/source"] });
  await once(child, "message");
  return {
    start: () => void child.send("start"),
    async stop() {
      const answered = once(child, "message", { signal: AbortSignal.timeout(longestMs) });
      child.send("stop");
      const [honest] = (await answered) as [Honest];
      return honest;
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill();
      await exited;
    },
  };
}
