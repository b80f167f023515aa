import type { Capture } from "./capture-store.ts";
import { readableText } from "./readable-text.ts";

/** A pair with its texts as they were received. */
export interface HeldCapture extends Omit<Capture, "request" | "primary" | "shadow"> {
  readonly request: Uint8Array;
  readonly primary: HeldAnswer;
  readonly shadow: HeldAnswer;
}

interface HeldAnswer {
  readonly class: string;
  readonly answer: Uint8Array;
}

/** Takes captures to redact and store them. */
export interface CaptureSink {
  /** Stores the capture if its `score` is among the largest. Calls `make` at most once, and only if it may be stored. */
  offer(score: number, make: () => HeldCapture): void;
  /** Number of captures on disk, as far as it is known. */
  readonly count: number;
  /** Removes captures older than the retention. */
  expire(): void;
  /** Waits until what was taken is stored, for some seconds at most. */
  close(): Promise<void>;
}

/** Maximum size of one request or answer; the rest is cut off. */
export const maxTextBytes = 65_536;

/** Formats and redacts the texts of a capture. Takes up to some 10 ms for long texts, so not in the picking thread. */
export function redactedCapture(held: HeldCapture): Capture {
  const { request, primary, shadow } = held;
  return {
    ...held,
    request: readable(request),
    primary: { class: primary.class, answer: readable(primary.answer) },
    shadow: { class: shadow.class, answer: readable(shadow.answer) },
  };
}

/** What fills its room may have been cut. */
function readable(bytes: Uint8Array): string {
  const isCut = bytes.length >= maxTextBytes;
  return readableText(Buffer.from(bytes).toString("utf8"), { isCut });
}
