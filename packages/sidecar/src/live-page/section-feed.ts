import type { ServerResponse } from "node:http";

/** Sends the same server-sent events to everyone who listens. */
export interface EventFeed {
  /** False when too many listen. */
  add(response: ServerResponse): boolean;
  close(): void;
}

const maxListeners = 32;
/** A listener that does not read is let go. */
const maxPendingBytes = 4 * 1024 * 1024;

/** `snapshot` is asked once for all listeners, every `everyMs`, and only while there are any. */
export function createEventFeed(snapshot: () => unknown, everyMs: number): EventFeed {
  const listeners = new Set<ServerResponse>();
  const event = () => `data: ${JSON.stringify(snapshot())}\n\n`;
  const timer = setInterval(() => {
    if (listeners.size === 0) return;
    const text = event();
    for (const listener of listeners) {
      if (listener.writableLength > maxPendingBytes) listener.destroy();
      else listener.write(text);
    }
  }, everyMs).unref();
  return {
    add(response) {
      if (listeners.size >= maxListeners) return false;
      response.writeHead(200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      response.write(event());
      listeners.add(response);
      response.on("close", () => listeners.delete(response));
      return true;
    },
    close() {
      clearInterval(timer);
      for (const listener of listeners) listener.end();
    },
  };
}
