import { types } from "node:util";
import { Worker } from "node:worker_threads";
import type { FromWorker, ToWorker, WorkerSetup } from "./worker-messages.ts";

/** The thread that follows the files. It is started again if it ends. */
export interface FollowingThread {
  send(message: Exclude<ToWorker, { readonly kind: "close" }>): void;
  close(): Promise<void>;
}

export interface FollowingThreadOptions {
  /** What a thread starts with; called for each start. */
  readonly setup: () => WorkerSetup;
  readonly onMessage: (message: FromWorker) => void;
  /** The thread has ended, and is started again in `againMs`. */
  readonly onCrash: (why: string, againMs: number) => void;
  readonly startWorker?: StartWorker;
}

export type StartWorker = (
  setup: WorkerSetup,
) => Pick<Worker, "on" | "once" | "postMessage" | "terminate">;

const firstDelayMs = 100;
const longestDelayMs = 10_000;
/** A thread that lives this long is healthy: the delay begins again. */
const healthyMs = 30_000;
const closeMs = 5_000;

export function startFollowingThread(options: FollowingThreadOptions): FollowingThread {
  return new Thread(options);
}

class Thread implements FollowingThread {
  readonly #options: FollowingThreadOptions;
  #worker: ReturnType<StartWorker> | undefined;
  #ended: Promise<void> = Promise.resolve();
  #delayMs = firstDelayMs;
  #restart: NodeJS.Timeout | undefined;
  #isClosing = false;

  constructor(options: FollowingThreadOptions) {
    this.#options = options;
    this.#start();
  }

  send(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#restart);
    this.send({ kind: "close" });
    const timer = setTimeout(() => void this.#worker?.terminate(), closeMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #start(): void {
    const { setup, onMessage, startWorker = startThread } = this.#options;
    const startedMs = performance.now();
    let why = "the thread ended";
    const worker = startWorker(setup());
    this.#worker = worker;
    worker.on("message", (message: FromWorker) => {
      if (!this.#isClosing) onMessage(message);
    });
    worker.on("error", (cause) => {
      why = types.isNativeError(cause) ? cause.message : String(cause);
    });
    this.#ended = new Promise((resolve) => {
      worker.once("exit", () => {
        this.#worker = undefined;
        if (!this.#isClosing) this.#startAgain(why, performance.now() - startedMs);
        resolve();
      });
    });
  }

  #startAgain(why: string, livedMs: number): void {
    if (livedMs >= healthyMs) this.#delayMs = firstDelayMs;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(longestDelayMs, delayMs * 2);
    this.#restart = setTimeout(() => this.#start(), delayMs);
    this.#options.onCrash(why, delayMs);
  }
}

const startThread: StartWorker = (setup) => {
  const isSource = import.meta.url.endsWith(".ts");
  return new Worker(new URL(isSource ? "./worker.ts" : "./worker.js", import.meta.url), {
    workerData: setup,
    // When run from source, resolve the other packages as source too.
    ...(isSource
      ? { execArgv: ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"] }
      : {}),
    // A larger young generation would grow with the number of changes, by some 50 MB, and no change would be faster.
    resourceLimits: { maxOldGenerationSizeMb: 1_024, maxYoungGenerationSizeMb: 12 },
  });
};
