import { Worker } from "node:worker_threads";
import type { Sample, ShadowReport } from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import type {
  Analysis,
  EvaluationNow,
  EvaluationSetup,
  FromWorker,
  PoolingAnswers,
  PoolingCall,
  ToWorker,
  Trouble,
  WorkerSetup,
} from "./worker-messages.ts";

/** The thread that stores and evaluates samples, as seen from the picking thread. */
export interface JudgeThread {
  /** Queues a sample, which is sent soon in a batch. */
  add(key: string, sample: Sample): void;
  /** Begins an evaluation, and closes the one with the same key. `last`: final data of that one. */
  begin(setup: EvaluationSetup, last: EvaluationNow | undefined): void;
  /** Closes an evaluation whose mirror is gone at `atMs`, in ms since the epoch. */
  end(key: string, atMs: number, last: EvaluationNow): void;
  /** True if the thread has ended. */
  readonly isEnded: boolean;
  /** Evaluates now. Rejects if the thread ended or needs longer than a minute. */
  reports(): Promise<readonly ShadowReport[]>;
  /** Watching enables pages with each analysis. */
  watch(isWatched: boolean): void;
  /** Asks about samples that peers exchange. Rejects if the thread ended or needs longer than a minute. */
  ask<Call extends PoolingCall>(about: Call): Promise<PoolingAnswers[Call["call"]]>;
  close(): Promise<void>;
}

export interface JudgeThreadOptions {
  readonly setup: WorkerSetup;
  /** Returns the data to send with each batch. */
  readonly now: () => Readonly<Record<string, EvaluationNow>>;
  readonly onAnalysis: (look: Analysis) => void;
  /** Called with the last reports of closed evaluations when they have changed. */
  readonly onClosed: (reports: readonly ShadowReport[]) => void;
  readonly onTrouble: (trouble: Trouble) => void;
  /** Called if the thread ends before `close`. */
  readonly onEnd: () => void;
}

const batchMs = 200;
/** Maximum samples that wait while the thread is busy; more are lost. */
const maxBatch = 20_000;
const reportTimeoutMs = 60_000;

/** Starts the thread. */
export function startJudgeThread(options: JudgeThreadOptions): JudgeThread {
  return new WorkerThread(options);
}

class WorkerThread implements JudgeThread {
  readonly #options: JudgeThreadOptions;
  readonly #worker: Worker;
  readonly #flushing: NodeJS.Timeout;
  readonly #exited: Promise<void>;
  #isClosing = false;
  #isEnded = false;
  /** True while a batch is being processed: a busy thread has only the next batch waiting. */
  #isTaking = false;
  #batch: { key: string; sample: Sample }[] = [];
  #hasLost = false;
  /** Requested reports that are not sent yet, and all that waits for an answer, by number. */
  #requested: number[] = [];
  readonly #waiting = new Map<number, (outcome: unknown) => void>();
  #lastId = 0;

  constructor(options: JudgeThreadOptions) {
    this.#options = options;
    this.#worker = startWorker(options.setup);
    this.#worker.on("message", (message: FromWorker) => this.#take(message));
    this.#worker.on("error", (cause) =>
      this.#troubled(`the evaluation has stopped: ${String(cause)}`),
    );
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        if (!this.#isClosing) options.onEnd();
        this.#isEnded = true;
        for (const settle of this.#waiting.values()) settle(stopped());
        resolve();
      });
    });
    this.#flushing = setInterval(() => this.#flush(), batchMs).unref();
  }

  add(key: string, sample: Sample): void {
    if (this.#isEnded) return;
    if (this.#batch.length < maxBatch) {
      this.#batch.push({ key, sample });
      return;
    }
    if (this.#hasLost) return;
    this.#hasLost = true;
    this.#troubled("samples arrive faster than they can be stored: some are lost");
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  begin(setup: EvaluationSetup, last: EvaluationNow | undefined): void {
    this.#send({ kind: "begin", setup, ...defined({ last }) });
  }

  end(key: string, atMs: number, last: EvaluationNow): void {
    this.#send({ kind: "end", key, atMs, last });
  }

  reports(): Promise<readonly ShadowReport[]> {
    return this.#answerTo<readonly ShadowReport[]>((id) => {
      this.#requested.push(id);
      this.#flush();
    });
  }

  ask<Call extends PoolingCall>(about: Call): Promise<PoolingAnswers[Call["call"]]> {
    return this.#answerTo((id) => this.#send({ kind: "ask", id, about }));
  }

  #answerTo<Answer>(send: (id: number) => void): Promise<Answer> {
    if (this.#isEnded) return Promise.reject(stopped());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const settle = (outcome: unknown) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome as Answer);
      };
      const late = new Error("the evaluation did not answer within a minute");
      const timer = setTimeout(() => settle(late), reportTimeoutMs).unref();
      this.#waiting.set(id, settle);
      send(id);
    });
  }

  watch(isWatched: boolean): void {
    this.#send({ kind: "watch", isWatched });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#flushing);
    if (!this.#isEnded) {
      this.#isTaking = false;
      this.#flush();
      this.#send({ kind: "close" });
    }
    const timer = setTimeout(() => void this.#worker.terminate(), 5_000);
    await this.#exited;
    clearTimeout(timer);
  }

  #take(message: FromWorker): void {
    switch (message.kind) {
      case "look":
        this.#options.onAnalysis(message.look);
        if (message.id !== undefined) this.#waiting.get(message.id)?.(message.look.reports);
        break;
      case "closedReports":
        this.#options.onClosed(message.reports);
        break;
      case "taken":
        this.#isTaking = false;
        if (this.#requested.length > 0) this.#flush();
        break;
      case "trouble":
        this.#options.onTrouble(message);
        break;
      case "answer":
        this.#waiting.get(message.id)?.(message.answer);
        break;
      case "closed":
        break;
    }
  }

  #flush(): void {
    if (this.#isEnded || this.#isTaking) return;
    const now = this.#options.now();
    const isIdle = this.#batch.length === 0 && this.#requested.length === 0;
    // Nothing is mirrored any more.
    if (isIdle && Object.keys(now).length === 0) return;
    this.#isTaking = true;
    this.#send({ kind: "samples", samples: this.#batch, now });
    this.#batch = [];
    // Reports requested now include all samples so far.
    for (const id of this.#requested) this.#send({ kind: "look", id });
    this.#requested = [];
  }

  #troubled(text: string): void {
    this.#options.onTrouble({ text, isStorage: false });
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
}

function startWorker(setup: WorkerSetup): Worker {
  const isSource = import.meta.url.endsWith(".ts");
  return new Worker(new URL(isSource ? "./worker.ts" : "./worker.js", import.meta.url), {
    workerData: setup,
    // When run from source, resolve the other packages as source too.
    ...(isSource
      ? { execArgv: ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"] }
      : {}),
    resourceLimits: { maxOldGenerationSizeMb: 1_024 },
  });
}

const stopped = () => new Error("the evaluation has stopped");
