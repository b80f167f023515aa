import type { ReadAnswer } from "@umbra/shadow";
import type { AnswerThread } from "./answer-thread.ts";
import type { ComparedReading } from "./compared-reading.ts";
import type { RequestToCompare } from "./comparison-link.ts";

/** Reads measured answers: in its own thread from the first mirror on. */
export interface AnswerReadingThread {
  readonly read: ReadAnswer;
  /** Begins to compare the answers of a request. */
  compare(request: RequestToCompare): ComparedReading;
  /** Starts the thread, once: there are answers to read. It is idle while nothing is mirrored. */
  begin(): void;
  close(): Promise<void>;
}

export function createAnswerReading(start: () => AnswerThread): AnswerReadingThread {
  let thread: AnswerThread | undefined;
  const started = () => {
    thread ??= start();
    return thread;
  };
  return {
    read: (form, lane) => started().read(form, lane),
    compare: (request) => started().compare(request),
    begin: () => void started(),
    close: () => thread?.close() ?? Promise.resolve(),
  };
}
