import type { ServerResponse } from "node:http";
import type { Section } from "@umbra/shadow/html";
import type { SectionsOf } from "./live-sections.ts";

/** Sends sections to all open pages as server-sent events: first all, then changed ones. */
export interface SectionFeed {
  /** Answers with a stream, or with 503 if there are too many. */
  add(response: ServerResponse, chosen: string | undefined): void;
  /** True if there are too many streams: another one is rejected. */
  isFull(): boolean;
  close(): void;
}

export interface SectionFeedOptions {
  /** Called once for all streams, and only while there are any. */
  readonly render: () => SectionsOf;
  /** Called when the first stream opens or the last one closes. */
  readonly onWatched: (isWatched: boolean) => void;
  /** Called if rendering fails; all streams are then closed. */
  readonly onError: (cause: unknown) => void;
  /** Interval for checking for changes, in ms. */
  readonly everyMs: number;
}

export const maxStreams = 8;
/** A stream with more unread bytes is closed; a new one starts with the latest sections. */
const maxUnreadBytes = 1024 * 1024;
/** Sent without changes, so that the page can detect a hanging connection. */
const alive = "event: alive\ndata: 1\n\n";

interface Stream {
  readonly response: ServerResponse;
  readonly chosen: string | undefined;
  /** The last event of each section. */
  sent: readonly string[];
}

export function createSectionFeed(options: SectionFeedOptions): SectionFeed {
  const { render, onWatched, onError, everyMs } = options;
  const streams = new Set<Stream>();
  let timer: NodeJS.Timeout | undefined;

  function sendChanges(): void {
    try {
      const eventsFor = onceForEach(render());
      for (const stream of streams) {
        if (stream.response.writableLength > maxUnreadBytes) drop(stream);
        else push(stream, eventsFor(stream.chosen));
      }
    } catch (cause) {
      for (const stream of streams) drop(stream);
      onError(cause);
    }
  }

  function drop(stream: Stream): void {
    stream.response.destroy();
    remove(stream);
  }

  function remove(stream: Stream): void {
    if (!streams.delete(stream) || streams.size > 0) return;
    clearInterval(timer);
    onWatched(false);
  }

  return {
    add(response, chosen) {
      if (streams.size >= maxStreams) {
        response.writeHead(503, { "content-type": "text/plain" }).end("too many open pages\n");
        return;
      }
      const events = onceForEach(render())(chosen);
      response.writeHead(200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      const stream: Stream = { response, chosen, sent: [] };
      response.on("close", () => remove(stream));
      if (streams.size === 0) {
        timer = setInterval(sendChanges, everyMs).unref();
        onWatched(true);
      }
      streams.add(stream);
      push(stream, events);
    },
    isFull: () => streams.size >= maxStreams,
    close() {
      for (const stream of streams) {
        stream.response.end();
        remove(stream);
      }
    },
  };
}

/** Streams that show the same evaluation share the rendered sections. */
function onceForEach(sectionsOf: SectionsOf): (chosen: string | undefined) => readonly string[] {
  const made = new Map<string | undefined, readonly string[]>();
  return (chosen) => {
    const events = made.get(chosen) ?? sectionsOf(chosen).map(sectionEvent);
    made.set(chosen, events);
    return events;
  };
}

function push(stream: Stream, events: readonly string[]): void {
  const { response, sent } = stream;
  const changed = events.filter((event, i) => event !== sent[i]);
  stream.sent = events;
  response.write(changed.join("") || alive);
}

/** The first data line is the section's name, the others are its markup. */
export function sectionEvent({ id, html }: Section): string {
  const lines = [id, ...html.split(/\r\n|[\r\n]/)];
  return `event: section\n${lines.map((line) => `data: ${line}\n`).join("")}\n`;
}
