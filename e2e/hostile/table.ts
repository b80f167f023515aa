import type { Way } from "./attack.ts";
import type { Measured } from "./measure-attack.ts";

const heads = [
  "attack",
  "served",
  "failed",
  "p50 ms",
  "p99 ms",
  "loop ms",
  "sidecar MB",
  "Envoy MB",
  "pick/wait/read/Envoy %",
];
const widths = [52, 7, 7, 8, 8, 8, 15, 15, 23];

export function tableHead(): string {
  return row([...heads, "missed"]);
}

export function tableRow(
  name: string,
  way: Way | "none",
  measured: Measured,
  missed: readonly string[],
): string {
  const { served, failed, p50Ms, p99Ms, loopMs, sidecar, envoy, cpu } = measured;
  return row([
    `${way}: ${name}`,
    ...[served, failed].map(String),
    ...[p50Ms, p99Ms, loopMs].map((ms) => ms.toFixed(1)),
    ...[sidecar, envoy].map(({ before, most, after }) => `${before}/${most}/${after}`),
    [cpu.picking, cpu.waiting, cpu.reading, cpu.envoy].map((share) => share.toFixed(0)).join("/"),
    missed.length === 0 ? "-" : missed.join("; "),
  ]);
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell, i) => {
      const width = widths[i];
      if (width === undefined) return ` ${cell}`;
      return i === 0 ? cell.slice(0, width).padEnd(width) : cell.padStart(width);
    })
    .join(" ");
}
