import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";

/** Removes a Unix socket that a killed process left behind, unless a process listens on it. */
export async function removeStaleSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const isStale = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    const tell = (stale: boolean) => {
      socket.destroy();
      resolve(stale);
    };
    socket.on("connect", () => tell(false));
    // A stopped listener with a full backlog answers EAGAIN: it is alive.
    socket.on("error", ({ code }: NodeJS.ErrnoException) => tell(code === "ECONNREFUSED"));
  });
  if (isStale) rmSync(path, { force: true });
}

/**
 * Runs a function under a lock file. Without it, two processes that start at once would each take the other's new
 * socket for a stale one.
 *
 * @throws Error if another process holds the lock
 */
export async function withLock(path: string, run: () => Promise<void>): Promise<void> {
  takeLock(path);
  try {
    await run();
  } finally {
    if (isOurs(path)) rmSync(path, { force: true });
  }
}

function takeLock(path: string): void {
  if (!isHeld(path)) removeOld(path);
  try {
    writeFileSync(path, String(process.pid), { flag: "wx", mode: 0o600 });
  } catch (cause) {
    const words = `${path} can't be written: another process is starting on this socket, or the folder is not writable`;
    throw new Error(words, { cause });
  }
}

/**
 * Renames before removing: of two processes that see an old lock, only one can rename it, and the other's new lock
 * stays.
 */
function removeOld(path: string): void {
  const own = `${path}.${process.pid}`;
  try {
    renameSync(path, own);
  } catch {
    return;
  }
  rmSync(own, { force: true });
}

function isOurs(path: string): boolean {
  try {
    return readFileSync(path, "utf8") === String(process.pid);
  } catch {
    return false;
  }
}

/** True if the lock is held. A killed process no longer holds it, and its process id may be reused. */
function isHeld(path: string): boolean {
  const taken = lstatSync(path, { throwIfNoEntry: false });
  return taken !== undefined && Math.abs(Date.now() - taken.mtimeMs) < longestHoldMs;
}

/** Longest time a lock is held: checking for a listener and binding take some ms. */
const longestHoldMs = 5_000;
