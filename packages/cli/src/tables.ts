import { printableJson } from "@umbra/shadow/printable";
import Table from "cli-table3";
import type { Io } from "./io.ts";

/** Formats a table without colours. */
export function tableText(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  options: Table.TableConstructorOptions = {},
): string {
  const { style } = options;
  const table = new Table({
    ...options,
    head: [...head],
    style: { ...style, head: [], border: [] },
  });
  table.push(...rows.map((row) => [...row]));
  return `${table.toString()}\n`;
}

export function print(output: "table" | "json", data: unknown, text: string, io: Io): void {
  io.stdout(output === "json" ? `${printableJson(data)}\n` : text);
}
