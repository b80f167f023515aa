import { parentPort, workerData } from "node:worker_threads";
import { createJudging } from "./judging.ts";
import type { FromWorker, ToWorker, WorkerSetup } from "./worker-messages.ts";

const port = parentPort;
if (port === null) throw new Error("this file is a worker's");

const setup = workerData as WorkerSetup;
const say = (message: FromWorker) => port.postMessage(message);
const judging = createJudging(setup, (text) => say({ kind: "trouble", text }));
say({ kind: "look", id: undefined, reports: judging.look(false) });

const looking = setInterval(() => {
  say({ kind: "look", id: undefined, reports: judging.look(false) });
}, setup.lookEveryMs);

port.on("message", (message: ToWorker) => {
  switch (message.kind) {
    case "samples":
      judging.add(message.samples);
      judging.update(message.now);
      say({ kind: "taken" });
      break;
    case "look":
      say({ kind: "look", id: message.id, reports: judging.look(true) });
      break;
    case "close":
      clearInterval(looking);
      judging.close();
      say({ kind: "closed" });
      port.close();
      break;
  }
});
