import type { ServerHttp2Session } from "node:http2";
import { type StatusCode, statusCode } from "./method.ts";

/** A call, as far as it may be ended for its silence. */
export interface OpenCall {
  /** Looks since its last message, in either direction. */
  silentLooks: number;
  /** It serves what may be silent for hours. */
  readonly isInUse: boolean;
  fail(code: StatusCode, message: string): void;
}

/** The calls of one connection that are open. */
export type OpenCalls = Set<OpenCall>;

/** Ends calls that no one uses, and then their connections, which others may want. */
export interface SilenceWatch {
  /** Watches a connection until it closes; the set belongs to whatever serves its calls. */
  watch(session: ServerHttp2Session): OpenCalls;
  close(): void;
}

interface Connection {
  readonly session: ServerHttp2Session;
  readonly calls: OpenCalls;
  /** Looks since a call was open. */
  emptyLooks: number;
}

/** Silence is measured in looks: a message costs no clock. */
const looksOfSilence = 10;

/** @param idleMs silence that is too long, as measured within a tenth of it */
export function watchSilence(idleMs: number): SilenceWatch {
  const connections = new Map<ServerHttp2Session, Connection>();
  const timer = setInterval(() => {
    for (const connection of connections.values()) look(connection);
  }, idleMs / looksOfSilence).unref();
  return {
    watch(session) {
      const calls: OpenCalls = new Set();
      connections.set(session, { session, calls, emptyLooks: 0 });
      session.once("close", () => connections.delete(session));
      return calls;
    },
    close: () => clearInterval(timer),
  };
}

function look(connection: Connection): void {
  const { session, calls } = connection;
  for (const call of calls) {
    if (call.isInUse || ++call.silentLooks < looksOfSilence) continue;
    call.fail(statusCode.deadlineExceeded, "the call has been silent for too long");
  }
  connection.emptyLooks = calls.size === 0 ? connection.emptyLooks + 1 : 0;
  if (connection.emptyLooks < looksOfSilence) return;
  // A stream whose client does not end it would keep a connection that only closes.
  if (session.closed) session.destroy();
  else session.close();
}
