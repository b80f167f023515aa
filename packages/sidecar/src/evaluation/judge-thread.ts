import { Worker } from "node:worker_threads";
import type { Sample, ShadowReport } from "@umbra/shadow";
import type { EvaluationNow, FromWorker, Look, ToWorker, WorkerSetup } from "./worker-messages.ts";

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
  readonly onTrouble: (text: string) => void;
}

const batchMs = 200;
/** While the thread is busy samples wait here and nowhere else; more than this are lost. */
const maxBatch = 20_000;
const reportTimeoutMs = 60_000;

/** Starts the thread. Throws, later through `onTrouble`, when the samples file can't be opened. */
export function startJudgeThread(options: JudgeThreadOptions): JudgeThread {
  const { setup, now, onLook, onTrouble } = options;
  const isSource = import.meta.url.endsWith(".ts");
  const worker = new Worker(new URL(isSource ? "./worker.ts" : "./worker.js", import.meta.url), {
    workerData: setup,
    // Run from source, the packages below are to be found as source, too.
    ...(isSource
      ? { execArgv: ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"] }
      : {}),
    resourceLimits: { maxOldGenerationSizeMb: 1_024 },
  });
  let batch: { key: string; sample: Sample }[] = [];
  let [lastId, isEnded, isTaking, lost] = [0, false, false, 0];
  const waiting = new Map<number, (reports: readonly ShadowReport[] | Error) => void>();
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));

  const send = (message: ToWorker) => worker.postMessage(message);
  let looks: number[] = [];
  /** One batch is under way at a time: a busy thread has no backlog but this one. */
  function flush(): void {
    if (isEnded || isTaking) return;
    isTaking = true;
    send({ kind: "samples", samples: batch, now: now() });
    batch = [];
    // What is asked for now sees all samples so far.
    for (const id of looks) send({ kind: "look", id });
    looks = [];
  }
  const flushing = setInterval(flush, batchMs).unref();

  worker.on("message", (message: FromWorker) => {
    switch (message.kind) {
      case "look":
        onLook(message.look);
        if (message.id !== undefined) waiting.get(message.id)?.(message.look.reports);
        break;
      case "taken":
        isTaking = false;
        if (looks.length > 0) flush();
        break;
      case "trouble":
        onTrouble(message.text);
        break;
      case "closed":
        break;
    }
  });
  worker.on("error", (cause) => onTrouble(`the evaluation has stopped: ${String(cause)}`));
  worker.once("exit", () => {
    isEnded = true;
    for (const settle of waiting.values()) settle(new Error("the evaluation has stopped"));
  });

  return {
    add(key, sample) {
      if (isEnded) return;
      if (batch.length < maxBatch) batch.push({ key, sample });
      else if (lost++ === 0)
        onTrouble("samples come faster than they can be stored: some are lost");
    },
    reports() {
      if (isEnded) return Promise.reject(new Error("the evaluation has stopped"));
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => settle(new Error("the evaluation did not answer in a minute")),
          reportTimeoutMs,
        ).unref();
        const settle = (outcome: readonly ShadowReport[] | Error) => {
          clearTimeout(timer);
          waiting.delete(id);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        };
        waiting.set(id, settle);
        looks.push(id);
        flush();
      });
    },
    watch: (isWatched) => send({ kind: "watch", isWatched }),
    async close() {
      clearInterval(flushing);
      if (!isEnded) {
        isTaking = false;
        flush();
        send({ kind: "close" });
      }
      const timer = setTimeout(() => void worker.terminate(), 5_000);
      await ended;
      clearTimeout(timer);
    },
  };
}
