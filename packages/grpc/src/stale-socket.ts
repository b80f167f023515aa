import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";

/** Removes the Unix socket that a process which was killed has left behind; one that somebody listens on stays. */
export async function removeStaleSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const isStale = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    const tell = (stale: boolean) => {
      socket.destroy();
      resolve(stale);
    };
    socket.on("connect", () => tell(false));
    // A listener that is stopped, its backlog full, answers EAGAIN: it is alive.
    socket.on("error", ({ code }: NodeJS.ErrnoException) => tell(code === "ECONNREFUSED"));
  });
  if (isStale) rmSync(path, { force: true });
}

/**
 * Runs something while no other process does so with the same file: two that start at once would each take the other's
 * new socket for a stale one.
 *
 * @throws Error when another process is at it
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
    const words = `${path} can't be written: another process is starting on this socket, or the folder is not ours`;
    throw new Error(words, { cause });
  }
}

/** Of two that see an old lock only one can rename it: the other's new one stays. */
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

/** A process that was killed while it held the lock holds it no more, and another may have its number. */
function isHeld(path: string): boolean {
  const taken = lstatSync(path, { throwIfNoEntry: false });
  return taken !== undefined && Math.abs(Date.now() - taken.mtimeMs) < longestHoldMs;
}

/** To look for a listener and to bind takes some ms. */
const longestHoldMs = 5_000;
