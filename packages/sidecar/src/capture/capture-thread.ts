import { Worker } from "node:worker_threads";
import type { CaptureSink, HeldCapture } from "./capture-sink.ts";
import { type CaptureStoreOptions, openCaptureStore } from "./capture-store.ts";
import type { CaptureSetup, FromCaptureWorker, ToCaptureWorker } from "./worker-messages.ts";

/** Maximum captures that the thread was sent and has not handled; others are not stored. About 6 MiB of texts. */
const maxWaiting = 32;
/** Delay before an ended thread is started again. */
const restartMs = 10_000;
const closeMs = 5_000;

/**
 * Redacts and stores captures in a thread of its own, so that no pick waits for it. The thread starts with the first
 * capture, or to remove old ones. If it ends or can't be started, it is started again after some seconds.
 *
 * @param start starts the thread; by default, from its own file
 * @throws Error if the folder can't be created or written
 */
export function openCaptureThread(
  options: CaptureStoreOptions,
  start: (setup: CaptureSetup) => Worker = startWorker,
): CaptureSink {
  return new CaptureThread(options, openCaptureStore(options).count, start);
}

class CaptureThread implements CaptureSink {
  readonly #options: CaptureStoreOptions;
  readonly #startWorker: (setup: CaptureSetup) => Worker;
  #worker: Worker | undefined = undefined;
  #endedMs = Number.NEGATIVE_INFINITY;
  #waiting = 0;
  #leastScore = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  count: number;

  constructor(options: CaptureStoreOptions, count: number, start: (setup: CaptureSetup) => Worker) {
    this.#options = options;
    this.#startWorker = start;
    this.count = count;
  }

  offer(score: number, make: () => HeldCapture): void {
    if (this.#waiting >= maxWaiting || score <= this.#leastScore) return;
    const worker = this.#running();
    if (worker === undefined) return;
    const capture = make();
    const texts = [capture.request, capture.primary.answer, capture.shadow.answer];
    this.#send(worker, { kind: "offer", score, capture }, texts);
  }

  expire(): void {
    const worker = this.#running();
    if (worker !== undefined && this.#waiting < maxWaiting) this.#send(worker, { kind: "expire" });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    this.#send(worker, { kind: "close" });
    const timer = setTimeout(() => void worker.terminate(), closeMs);
    await exited;
    clearTimeout(timer);
  }

  /** Undefined if it ended a moment ago, or is not to be started any more. */
  #running(): Worker | undefined {
    if (this.#isClosed) return undefined;
    if (this.#worker === undefined && performance.now() - this.#endedMs >= restartMs) {
      this.#tryToStart();
    }
    return this.#worker;
  }

  /** A thread that can't be started counts as ended: others observe the same pair, and timers call this too. */
  #tryToStart(): void {
    try {
      this.#worker = this.#start();
    } catch (cause) {
      this.#endedMs = performance.now();
      this.#options.onTrouble(cause as Error);
    }
  }

  #start(): Worker {
    const { onTrouble, ...setup } = this.#options;
    const worker = this.#startWorker(setup);
    worker.unref();
    worker.on("message", (message: FromCaptureWorker) => this.#take(message));
    worker.on("error", onTrouble);
    worker.once("exit", () => {
      this.#worker = undefined;
      this.#endedMs = performance.now();
      this.#waiting = 0;
      this.#leastScore = Number.NEGATIVE_INFINITY;
    });
    return worker;
  }

  #take(message: FromCaptureWorker): void {
    if (message.kind === "trouble") {
      this.#options.onTrouble(new Error(message.message));
      return;
    }
    this.#waiting--;
    this.#leastScore = message.leastScore;
    this.count = message.count;
  }

  /** @param texts are moved and not copied: each has its own memory */
  #send(worker: Worker, message: ToCaptureWorker, texts: readonly Uint8Array[] = []): void {
    this.#waiting++;
    worker.postMessage(
      message,
      texts.map(({ buffer }) => buffer as ArrayBuffer),
    );
  }
}

function startWorker(setup: CaptureSetup): Worker {
  const isSource = import.meta.url.endsWith(".ts");
  return new Worker(new URL(isSource ? "./worker.ts" : "./worker.js", import.meta.url), {
    workerData: setup,
    // When run from source, resolve the other packages as source too.
    ...(isSource
      ? { execArgv: ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"] }
      : {}),
    resourceLimits: { maxOldGenerationSizeMb: 128 },
  });
}
