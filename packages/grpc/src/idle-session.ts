import type { ServerHttp2Session } from "node:http2";

/** How often a session is looked at while it may be silent. */
const looks = 4;

/**
 * Lets a session take no new calls after `idleMs` without data; calls that are open continue. It looks at the bytes
 * that its socket has read: `session.setTimeout` moves a timer with every frame of every call.
 */
export function closeWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let readBytes = 0;
  let silentLooks = 0;
  const timer = setInterval(() => {
    const bytesNow = session.socket?.bytesRead ?? 0;
    silentLooks = bytesNow === readBytes ? silentLooks + 1 : 0;
    readBytes = bytesNow;
    if (silentLooks < looks) return;
    clearInterval(timer);
    session.close();
  }, idleMs / looks).unref();
  session.once("close", () => clearInterval(timer));
}
