import { Worker } from "node:worker_threads";
import type { AnswerForm } from "@umbra/openai/answers";
import type { AnswerReading, Lane, ReadAnswer } from "@umbra/shadow";
import { AnswerFeed } from "./answer-feed.ts";
import { AnswerLink } from "./answer-link.ts";
import { type ComparedReading, LaterReading } from "./compared-reading.ts";
import type { RequestToCompare } from "./comparison-link.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { type AnswerComparison, notCompared } from "./request-comparison.ts";
import { TextPlaces } from "./text-places.ts";

/** The thread that reads observed answers, as seen from the picking thread. */
export interface AnswerThread {
  readonly read: ReadAnswer;
  /** Begins to compare the answers of a request, once the current work of this thread is done. */
  compare(request: RequestToCompare): ComparedReading;
  /** Waits up to a second for results, then ends the thread. */
  close(): Promise<void>;
}

export interface AnswerThreadOptions {
  /** Called once for each answer that is not read to its end: the thread is behind, ended, or gave it up. */
  readonly onUnread: (lane: Lane) => void;
  /** Called if the thread ends before `close`. */
  readonly onEnd: (cause: unknown) => void;
  /** Called if a receiver of results throws. */
  readonly onFault: (cause: unknown) => void;
  /** Most pairs whose texts may be on their way to a judge; 0 when absent. */
  readonly maxJudged?: number;
  /** Starts the thread; by default, from its own file. */
  readonly start?: (inbox: Inbox) => Worker;
  /** Delay before a restart of the thread, in ms; 1,000 when absent. Doubles with each restart, up to 64 times. */
  readonly restartMs?: number;
  /** Timeout for the results of an ended answer, in ms; 10,000 when absent. */
  readonly resultMs?: number;
  /** Interval of the check for late results, in ms; 1,000 when absent. A thread without progress for ten intervals is ended. */
  readonly sweepMs?: number;
}

const closeMs = 1_000;
const mostRestartFactor = 64;
/** After running this long, a thread is restarted with the shortest delay again. */
const steadyMs = 60_000;

/** Starts the thread. If it ends before `close`, it is restarted; until then, answers are not read. */
export function startAnswerThread(options: AnswerThreadOptions): AnswerThread {
  return new ReadingThread(options);
}

class ReadingThread implements AnswerThread {
  readonly #options: AnswerThreadOptions;
  readonly #sweeping: NodeJS.Timeout;
  readonly #places: TextPlaces;
  #link: AnswerLink | undefined = undefined;
  #restarting: NodeJS.Timeout | undefined = undefined;
  #restartFactor = 1;
  #startedMs = 0;
  #isClosed = false;

  constructor(options: AnswerThreadOptions) {
    this.#options = options;
    const { sweepMs = 1_000, maxJudged = 0 } = options;
    this.#places = new TextPlaces(maxJudged);
    this.#start();
    this.#sweeping = setInterval(() => this.#link?.sweep(), sweepMs).unref();
  }

  readonly read: ReadAnswer = (form: AnswerForm, lane: Lane): AnswerReading =>
    new AnswerFeed(form, lane, { link: this.#link, onUnread: this.#options.onUnread });

  compare(request: RequestToCompare): ComparedReading {
    return new LaterReading(() => this.#begin(request));
  }

  #begin(request: RequestToCompare): ComparedReading {
    const link = this.#link;
    const comparison = this.#comparisonOn(link, request);
    const { onUnread } = this.#options;
    const { refusalHeader } = request.settings;
    const refused = new Set<string | undefined>();
    return {
      comparison,
      takeHeaders(mirror, headers) {
        if (refusalHeader !== undefined && saysYes(headers.get(refusalHeader))) refused.add(mirror);
      },
      readerOf: (mirror) => (form, lane) => {
        // After a restart of the thread, answers of before are not compared.
        const leg = link === this.#link ? comparison.legOf(mirror) : undefined;
        const compared = refused.has(mirror) && leg ? { ...leg, isRefusal: true } : leg;
        return new AnswerFeed(form, lane, { link: this.#link, compared, onUnread });
      },
    };
  }

  /** An error in one request's comparison must not end the process. */
  #comparisonOn(link: AnswerLink | undefined, request: RequestToCompare): AnswerComparison {
    try {
      return link?.comparisons.begin(request) ?? notCompared(request.mirrors, "time");
    } catch (cause) {
      this.#options.onFault(cause);
      return notCompared(request.mirrors, "other");
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweeping);
    clearTimeout(this.#restarting);
    await this.#link?.close(closeMs);
  }

  #start(): void {
    const { start = startWorker, onFault, resultMs = 10_000 } = this.#options;
    const inbox = createInbox();
    this.#places.open(inbox);
    this.#startedMs = performance.now();
    const worker = start(inbox);
    let cause: unknown = "it has exited";
    worker.on("error", (error) => {
      cause = error;
    });
    const places = this.#places;
    const link = new AnswerLink(worker, inbox, { onFault, resultMs, places });
    worker.once("exit", () => {
      this.#link = undefined;
      link.lose();
      if (!this.#isClosed) this.#ended(cause);
    });
    worker.unref();
    this.#link = link;
  }

  /** A thread that can't be started counts as ended. */
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

const no: ReadonlySet<string> = new Set(["", "0", "false", "no", "none"]);

/** True unless a header is absent, empty or says no. */
function saysYes(value: string | undefined): boolean {
  return value !== undefined && !no.has(value.trim().toLowerCase());
}

/** Starts the thread itself, which reads the inbox. */
export function startWorker(inbox: Inbox): Worker {
  const isSource = import.meta.url.endsWith(".ts");
  return new Worker(new URL(isSource ? "./worker.ts" : "./worker.js", import.meta.url), {
    workerData: inbox,
    // When run from source, resolve the other packages as source too.
    ...(isSource
      ? { execArgv: ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"] }
      : {}),
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
}
