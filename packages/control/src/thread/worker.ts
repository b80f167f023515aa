import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { startFollowing } from "./following.ts";
import type { ToWorker, WorkerSetup } from "./worker-messages.ts";

const port = parentPort;
if (port === null) throw new Error("this file is a worker's");

/** Picking comes first on few cores; with all of them busy, this thread still gets a quarter of one. */
const nice = 5;
// Elsewhere it would be the whole process.
if (process.platform === "linux") tryToSetPriority();

const following = startFollowing(workerData as WorkerSetup, (message, buffers) =>
  port.postMessage(message, [...buffers]),
);

/** A sandbox may forbid it. */
function tryToSetPriority(): void {
  try {
    setPriority(nice);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause;
  }
}

port.on("message", (message: ToWorker) => {
  switch (message.kind) {
    case "rescan":
      following.rescan();
      break;
    case "objects":
      following.take(message.changes);
      break;
    case "synced":
      following.synced();
      break;
    case "refused":
      following.refused(message.refusal);
      break;
    case "accepted":
      following.accepted(message.generation);
      break;
    case "tried":
      following.tried(message.version);
      break;
    case "serves":
      following.serves(message.served);
      break;
    case "close":
      following.close();
      port.close();
      break;
  }
});
