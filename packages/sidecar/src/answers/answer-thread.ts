import { Worker } from "node:worker_threads";
import type { AnswerForm } from "@umbra/openai/answers";
import type { AnswerReading, Lane, ReadAnswer } from "@umbra/shadow";
import { AnswerFeed } from "./answer-feed.ts";
import { AnswerLink } from "./answer-link.ts";
import { createInbox, type Inbox } from "./inbox.ts";

/** The thread that reads observed answers, seen from the one that picks. */
export interface AnswerThread {
  readonly read: ReadAnswer;
  /** Waits up to a second for what was read, then ends the thread. */
  close(): Promise<void>;
}

export interface AnswerThreadOptions {
  /** An answer is not read to its end: the thread is behind, has ended, or gives it up. Once for each answer. */
  readonly onUnread: (lane: Lane) => void;
  /** The thread has ended before it was closed. */
  readonly onEnd: (cause: unknown) => void;
  /** Whoever learns of an answer has thrown. */
  readonly onFault: (cause: unknown) => void;
  /** Starts the thread; its own file when absent. */
  readonly start?: (inbox: Inbox) => Worker;
  /** Before the thread is started again, in ms: 1,000 when absent. Doubles with each end, to 64 times as much. */
  readonly restartMs?: number;
  /** How long the end of an answer waits for what was read of it, in ms; 10,000 when absent. */
  readonly resultMs?: number;
  /** Between two looks at what is late, in ms; 1,000 when absent. One that stands still for ten of them is ended. */
  readonly sweepMs?: number;
}

const closeMs = 1_000;
const mostRestartFactor = 64;
/** A thread that has lived for so long begins again with the shortest wait. */
const steadyMs = 60_000;

/** Starts the thread. When it ends before it is closed it is started again, and answers are not read meanwhile. */
export function startAnswerThread(options: AnswerThreadOptions): AnswerThread {
  return new ReadingThread(options);
}

class ReadingThread implements AnswerThread {
  readonly #options: AnswerThreadOptions;
  readonly #sweeping: NodeJS.Timeout;
  #link: AnswerLink | undefined = undefined;
  #restarting: NodeJS.Timeout | undefined = undefined;
  #restartFactor = 1;
  #startedMs = 0;
  #isClosed = false;

  constructor(options: AnswerThreadOptions) {
    this.#options = options;
    const { sweepMs = 1_000 } = options;
    this.#start();
    this.#sweeping = setInterval(() => this.#link?.sweep(), sweepMs).unref();
  }

  readonly read: ReadAnswer = (form: AnswerForm, lane: Lane): AnswerReading =>
    new AnswerFeed(form, lane, { link: this.#link, onUnread: this.#options.onUnread });

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweeping);
    clearTimeout(this.#restarting);
    await this.#link?.close(closeMs);
  }

  #start(): void {
    const { start = startWorker, onFault, resultMs = 10_000 } = this.#options;
    const inbox = createInbox();
    this.#startedMs = performance.now();
    const worker = start(inbox);
    let cause: unknown = "it has exited";
    worker.on("error", (error) => {
      cause = error;
    });
    const link = new AnswerLink(worker, inbox, { onFault, resultMs });
    worker.once("exit", () => {
      this.#link = undefined;
      link.lose();
      if (!this.#isClosed) this.#ended(cause);
    });
    worker.unref();
    this.#link = link;
  }

  /** A thread that can't be started counts as one that has ended. */
  #restart(): void {
    try {
      this.#start();
    } catch (cause) {
      this.#ended(cause);
    }
  }

  #ended(cause: unknown): void {
    const { onEnd, restartMs = 1_000 } = this.#options;
    if (performance.now() - this.#startedMs > steadyMs) this.#restartFactor = 1;
    this.#restarting = setTimeout(() => this.#restart(), restartMs * this.#restartFactor).unref();
    this.#restartFactor = Math.min(mostRestartFactor, 2 * this.#restartFactor);
    onEnd(cause);
  }
}

/** Starts the thread itself, which reads what comes in the inbox. */
export function startWorker(inbox: Inbox): Worker {
  const isSource = import.meta.url.endsWith(".ts");
  return new Worker(new URL(isSource ? "./worker.ts" : "./worker.js", import.meta.url), {
    workerData: inbox,
    // Run from source, the packages below are to be found as source, too.
    ...(isSource
      ? { execArgv: ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"] }
      : {}),
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
}
