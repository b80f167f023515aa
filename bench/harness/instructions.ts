import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "./contender.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-callgrind-"));

/** The command line that counts instructions, in front of that of Envoy. It counts from when the test asks for it. */
export const callgrind: readonly string[] = [
  ...["valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"],
  `--callgrind-out-file=${join(folder, "%p")}`,
];

/** For an access log's last batch, and for what Envoy does while nothing is asked of it. */
const settleMs = 1_500;

/**
 * Instructions of the worker of an Envoy, without the kernel's, for each of `requests`, in thousands: whatever else the machine does, they hardly
 * differ from run to run. What it does without requests is counted first, and taken off.
 */
export async function thousandsPerRequest(
  { envoyPid = 0, port, name }: Contender,
  request: Buffer,
  requests: number,
): Promise<number> {
  const control = (...flags: readonly string[]) =>
    execFileSync("callgrind_control", [...flags, String(envoyPid)], { stdio: "ignore" });
  control("-i", "on");
  // Whatever is translated or opened at first; a picker may be too slow for it.
  await play(port, request, requests);
  await sleep(settleMs);
  const idleSince = performance.now();
  control("-z");
  await sleep(2 * settleMs);
  control("-d");
  const idle = newestCount(envoyPid) / (performance.now() - idleSince);
  control("-z");
  const since = performance.now();
  const not200 = await play(port, request, requests);
  if (not200 > 0) throw new Error(`${name}: ${not200} answers are not 200`);
  await sleep(settleMs);
  control("-d");
  const all = newestCount(envoyPid);
  control("-i", "off");
  return (all - idle * (performance.now() - since)) / requests / 1_000;
}

/** Of the thread that has done the most since the dump before: the only worker. */
function newestCount(pid: number): number {
  const dumps = readdirSync(folder).filter((each) => each.startsWith(`${pid}.`));
  const partOf = (name: string) => Number(/\.(\d+)(?:-\d+)?$/.exec(name)?.[1]);
  const newest = Math.max(...dumps.map(partOf));
  const counts = dumps
    .filter((each) => partOf(each) === newest)
    .map((each) => readFileSync(join(folder, each), "utf8"))
    .map((text) => Number(/^(?:totals|summary): (\d+)/m.exec(text)?.[1]));
  return Math.max(...counts);
}

/** This many requests over four connections. Returns how many were not answered 200. */
async function play(port: number, request: Buffer, requests: number): Promise<number> {
  let [left, not200] = [requests, 0];
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      let answered: () => void = () => {};
      let answer = "";
      let isOver = false;
      socket.on("error", () => {});
      socket.on("close", () => {
        if (!isOver) not200++;
        isOver = true;
        answered();
      });
      socket.on("data", (bytes) => {
        answer += bytes.toString("latin1");
        const bodyAt = answer.indexOf("\r\n\r\n") + 4;
        const length = Number(/content-length: (\d+)/i.exec(answer)?.[1]);
        if (bodyAt < 4 || answer.length < bodyAt + length) return;
        if (!answer.startsWith("HTTP/1.1 200")) not200++;
        answer = "";
        answered();
      });
      while (!isOver && left-- > 0) {
        await new Promise<void>((resolve) => {
          answered = resolve;
          socket.write(request);
        });
      }
      isOver = true;
      socket.destroy();
    }),
  );
  return not200;
}
