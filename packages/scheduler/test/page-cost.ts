// Prints what reading each page takes, in ms of CPU: `[{ head, unit }]` on stdin, `[ms]` on stdout.
import { readFileSync } from "node:fs";
import { readMetricsPage } from "@umbra/scheduler/metrics";

const pageBytes = 4 * 1_024 * 1_024;
const tries = 6;

interface Page {
  readonly head: string;
  /** Repeated until the page is full. */
  readonly unit: string;
}

/** Of some tries the cheapest: what the work costs, without what else the machine does. */
function cheapestMs({ head, unit }: Page): number {
  const count = Math.floor((pageBytes - head.length) / Buffer.byteLength(unit));
  const page = Buffer.from(head + unit.repeat(count));
  const all = Array.from({ length: tries }, () => {
    const started = process.cpuUsage();
    readMetricsPage(page, 0);
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1_000;
  });
  return Math.min(...all);
}

const pages = JSON.parse(readFileSync(0, "utf8")) as readonly Page[];
process.stdout.write(JSON.stringify(pages.map(cheapestMs)));
