import { appendFileSync, existsSync, readFileSync, truncateSync } from "node:fs";
import type { Run } from "./simulate.ts";

/** Simulated runs in a file: an interrupted simulation continues where it was. */
export interface KeptRuns {
  /** Whether the job whose first run is number `from` is there. */
  has(cell: string, from: number): boolean;
  runsOf(cell: string): readonly Run[];
  add(cell: string, from: number, runs: readonly Run[]): void;
}

interface Line {
  readonly cell: string;
  readonly from: number;
  readonly runs: readonly Run[];
}

/** Opens the file, or starts it. Its first line has the seed: runs of another one are other runs. */
export function openKeptRuns(path: string, seed: number): KeptRuns {
  const head = `${JSON.stringify({ simulation: "evaluation", seed })}\n`;
  if (!existsSync(path)) appendFileSync(path, head);
  const text = readFileSync(path, "utf8");
  if (!text.startsWith(head)) throw new Error(`${path} has no runs of seed ${seed}`);
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  // What a run that was killed has half written is simulated again.
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  const lines = whole
    .slice(head.length)
    .split("\n")
    .filter((line) => line !== "");
  const known = new Map<string, Map<number, readonly Run[]>>();
  const note = ({ cell, from, runs }: Line) => {
    const ofCell = known.get(cell) ?? new Map<number, readonly Run[]>();
    known.set(cell, ofCell.set(from, runs));
  };
  for (const line of lines) note(JSON.parse(line) as Line);
  return {
    has: (cell, from) => known.get(cell)?.has(from) === true,
    runsOf: (cell) => [...(known.get(cell)?.values() ?? [])].flat(),
    add(cell, from, runs) {
      const line: Line = { cell, from, runs };
      appendFileSync(path, `${JSON.stringify(line)}\n`);
      note(line);
    },
  };
}
