import { parentPort, workerData } from "node:worker_threads";
import { openCaptureDesk } from "./capture-desk.ts";
import type { CaptureSetup, FromCaptureWorker, ToCaptureWorker } from "./worker-messages.ts";

const port = parentPort;
if (port === null) throw new Error("this file is a worker's");
const send = (message: FromCaptureWorker) => port.postMessage(message);

const desk = openCaptureDesk({
  ...(workerData as CaptureSetup),
  onTrouble: ({ message }) => send({ kind: "trouble", message }),
});

port.on("message", (message: ToCaptureWorker) => {
  if (message.kind === "offer") desk.offer(message.score, () => message.capture);
  else if (message.kind === "expire") desk.expire();
  else port.close();
  send({ kind: "done", count: desk.count, leastScore: desk.leastScore });
});
