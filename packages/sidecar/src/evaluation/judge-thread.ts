import { Worker } from "node:worker_threads";
import type { Sample, ShadowReport } from "@umbra/shadow";
import type {
  EvaluationNow,
  FromWorker,
  Look,
  ToWorker,
  Trouble,
  WorkerSetup,
} from "./worker-messages.ts";

/** The thread that stores and judges samples, seen from the one that picks. */
export interface JudgeThread {
  /** Is handed over in a batch, soon. */
  add(key: string, sample: Sample): void;
  /** Judges now. Rejects when the thread has ended, or needs longer than a minute. */
  reports(): Promise<readonly ShadowReport[]>;
  /** While somebody watches, looks come with pages. */
  watch(isWatched: boolean): void;
  close(): Promise<void>;
}

export interface JudgeThreadOptions {
  readonly setup: WorkerSetup;
  /** What goes with each batch. */
  readonly now: () => Readonly<Record<string, EvaluationNow>>;
  readonly onLook: (look: Look) => void;
  readonly onTrouble: (trouble: Trouble) => void;
  /** The thread has ended before it was closed. */
  readonly onEnd: () => void;
}

const batchMs = 200;
/** While the thread is busy samples wait here and nowhere else; more than this are lost. */
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
  /** A batch is under way: a busy thread has no backlog but the next one. */
  #isTaking = false;
  #batch: { key: string; sample: Sample }[] = [];
  #hasLost = false;
  /** Reports that are asked for: those to be sent, and all by number. */
  #looks: number[] = [];
  readonly #waiting = new Map<number, (reports: readonly ShadowReport[] | Error) => void>();
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
    this.#troubled("samples come faster than they can be stored: some are lost");
  }

  reports(): Promise<readonly ShadowReport[]> {
    if (this.#isEnded) return Promise.reject(stopped());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const settle = (outcome: readonly ShadowReport[] | Error) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const late = new Error("the evaluation did not answer in a minute");
      const timer = setTimeout(() => settle(late), reportTimeoutMs).unref();
      this.#waiting.set(id, settle);
      this.#looks.push(id);
      this.#flush();
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
        this.#options.onLook(message.look);
        if (message.id !== undefined) this.#waiting.get(message.id)?.(message.look.reports);
        break;
      case "taken":
        this.#isTaking = false;
        if (this.#looks.length > 0) this.#flush();
        break;
      case "trouble":
        this.#options.onTrouble(message);
        break;
      case "closed":
        break;
    }
  }

  #flush(): void {
    if (this.#isEnded || this.#isTaking) return;
    this.#isTaking = true;
    this.#send({ kind: "samples", samples: this.#batch, now: this.#options.now() });
    this.#batch = [];
    // What is asked for now sees all samples so far.
    for (const id of this.#looks) this.#send({ kind: "look", id });
    this.#looks = [];
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
    // Run from source, the packages below are to be found as source, too.
    ...(isSource
      ? { execArgv: ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"] }
      : {}),
    resourceLimits: { maxOldGenerationSizeMb: 1_024 },
  });
}

const stopped = () => new Error("the evaluation has stopped");
