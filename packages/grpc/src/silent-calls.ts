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
export class OpenCalls implements Iterable<OpenCall> {
  readonly #calls = new Set<OpenCall>();
  #hasOpened = false;

  add(call: OpenCall): void {
    this.#calls.add(call);
    this.#hasOpened = true;
  }

  delete(call: OpenCall): void {
    this.#calls.delete(call);
  }

  /** True if a call is open, or was since this was last asked: a short call may begin and end unseen. */
  wasUsed(): boolean {
    const wasUsed = this.#hasOpened || this.#calls.size > 0;
    this.#hasOpened = false;
    return wasUsed;
  }

  [Symbol.iterator](): Iterator<OpenCall> {
    return this.#calls.values();
  }
}

/** Ends calls that no one uses, and then their connections, which others may want. */
export interface SilenceWatch {
  /** Watches a connection until it closes; whatever serves its calls adds and deletes them. */
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
      const calls = new OpenCalls();
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
  connection.emptyLooks = calls.wasUsed() ? 0 : connection.emptyLooks + 1;
  if (connection.emptyLooks < looksOfSilence) return;
  // A stream whose client does not end it would keep a connection that only closes.
  if (session.closed) session.destroy();
  else session.close();
}
