import { parentPort, workerData } from "node:worker_threads";
import { createAnswerDesk } from "./answer-desk.ts";
import { type Inbox, inboxState, stateWord, turnsWord } from "./inbox.ts";
import { createWorkShare } from "./work-share.ts";

const port = parentPort;
if (port === null) throw new Error("this file is a worker's");

/** Nothing waits for the results, so that one wake-up reads many chunks. */
const napMs = 5;

/** While comparisons are held, old ones are looked for this often. */
const lookMs = 30_000;

/** A piece of a compressed answer takes long. It counts in full, up to the length of a machine stall. */
const shadowShare = createWorkShare(0.25, 100, 2_000);

const inbox = workerData as Inbox;
const control = new Int32Array(inbox.control);
const desk = createAnswerDesk({
  inbox,
  shadowShare,
  now: () => performance.now(),
  onRead: (read) => port.postMessage(read),
});

/** Sets the state, unless the other thread closed the inbox. Returns false in that case. */
function become(state: number): boolean {
  const { closed } = inboxState;
  for (;;) {
    const before = Atomics.load(control, stateWord);
    if (before === closed) return false;
    if (Atomics.compareExchange(control, stateWord, before, state) === before) return true;
  }
}

while (become(inboxState.awake)) {
  Atomics.add(control, turnsWord, 1);
  if (desk.work()) continue;
  if (!become(desk.isWaiting ? inboxState.napping : inboxState.asleep)) break;
  // Records written since the last turn are either seen here or changed the state, because the writer checks it after each record.
  const asleepMs = desk.comparisons > 0 ? lookMs : Number.POSITIVE_INFINITY;
  if (!desk.isWaiting) Atomics.wait(control, stateWord, inboxState.asleep, asleepMs);
  else Atomics.wait(control, stateWord, inboxState.napping, napMs);
}
port.close();
