import { parentPort, workerData } from "node:worker_threads";
import { createJudging } from "./judging.ts";
import { pagesOf } from "./report-pages.ts";
import type { FromWorker, PoolingCall, ToWorker, WorkerSetup } from "./worker-messages.ts";

const port = parentPort;
if (port === null) throw new Error("this file is a worker's");

const setup = workerData as WorkerSetup;
const send = (message: FromWorker) => port.postMessage(message);
const judging = createJudging(setup, (text) => send({ kind: "trouble", text, isStorage: true }));
const unshown = (text: string) => send({ kind: "trouble", text, isStorage: false });
let isWatched = false;
let closedReports = judging.closedReports;
const analyze = (id?: number) => {
  const reports = judging.analyze(id !== undefined);
  if (judging.closedReports !== closedReports) {
    closedReports = judging.closedReports;
    send({ kind: "closedReports", reports: closedReports });
  }
  send({ kind: "look", id, look: { reports, pages: pagesOf(isWatched ? reports : [], unshown) } });
};
analyze();

const analyzing = setInterval(analyze, setup.evaluateEveryMs);

port.on("message", (message: ToWorker) => {
  switch (message.kind) {
    case "samples":
      judging.add(message.samples);
      judging.update(message.now);
      send({ kind: "taken" });
      break;
    case "begin":
      judging.begin(message.setup, message.last);
      break;
    case "end":
      judging.end(message.key, message.atMs, message.last);
      break;
    case "look":
      analyze(message.id);
      break;
    case "watch":
      isWatched = message.isWatched;
      if (isWatched) analyze();
      break;
    case "ask":
      send({ kind: "answer", id: message.id, answer: answerOf(message.about) });
      break;
    case "close":
      clearInterval(analyzing);
      judging.close();
      send({ kind: "closed" });
      port.close();
      break;
  }
});

function answerOf(about: PoolingCall): unknown {
  const { pooling } = judging;
  switch (about.call) {
    case "page":
      return pooling.page(about.evaluation, about.after);
    case "wanted":
      return pooling.wanted(about.replica);
    case "take":
      return pooling.take(about.replica, about.evaluation, about.page);
    case "stop":
      return pooling.stop();
    case "setPeers":
      return pooling.setPeers(about.present, about.missing);
  }
}
