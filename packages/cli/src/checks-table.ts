import { styleText } from "node:util";
import { printable } from "@umbra/shadow/printable";
import type { Io } from "./io.ts";
import type { Check } from "./traffic/prove-mirroring.ts";

/** Formats one line per check: a mark, the claim and the observation. */
export function checkLines(checks: readonly Check[], { hasColour }: Pick<Io, "hasColour">): string {
  const width = Math.max(...checks.map(({ claim }) => claim.length));
  return checks
    .map(({ claim, holds, seen }) => {
      const mark = holds ? "ok  " : "FAIL";
      const shown = hasColour ? styleText(holds ? "green" : "red", mark) : mark;
      return `${shown}  ${printable(claim.padEnd(width))}  ${printable(seen)}\n`;
    })
    .join("");
}
