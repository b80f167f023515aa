import { parentPort, workerData } from "node:worker_threads";
import { createJudging } from "./judging.ts";
import { pagesOf } from "./report-pages.ts";
import type { FromWorker, ToWorker, WorkerSetup } from "./worker-messages.ts";

const port = parentPort;
if (port === null) throw new Error("this file is a worker's");

const setup = workerData as WorkerSetup;
const say = (message: FromWorker) => port.postMessage(message);
const judging = createJudging(setup, (text) => say({ kind: "trouble", text, isStorage: true }));
const unshown = (text: string) => say({ kind: "trouble", text, isStorage: false });
let isWatched = false;
const look = (id?: number) => {
  const reports = judging.look(id !== undefined);
  say({ kind: "look", id, look: { reports, pages: pagesOf(isWatched ? reports : [], unshown) } });
};
look();

const looking = setInterval(look, setup.lookEveryMs);

port.on("message", (message: ToWorker) => {
  switch (message.kind) {
    case "samples":
      judging.add(message.samples);
      judging.update(message.now);
      say({ kind: "taken" });
      break;
    case "look":
      look(message.id);
      break;
    case "watch":
      isWatched = message.isWatched;
      if (isWatched) look();
      break;
    case "close":
      clearInterval(looking);
      judging.close();
      say({ kind: "closed" });
      port.close();
      break;
  }
});
