import { describe, expect, test } from "@jest/globals";
import type { Command } from "commander";
import { runCommand } from "./run-command.ts";

/** Describes one flag of a command by examples. */
export interface FlagRow {
  /** Other arguments for this flag, if they differ from the table's. */
  readonly base?: readonly string[];
  /** Values that change the command's output. */
  readonly works: readonly (readonly string[])[];
  /** Rejected values with their error messages. */
  readonly refused: readonly (readonly [readonly string[], RegExp])[];
}

/** Tests a command with a table that must have a row for each of its flags. */
export function describeFlags(
  command: Command,
  rows: Readonly<Record<string, FlagRow>>,
  usualBase: readonly string[],
): void {
  const name = command.name();
  const run = (args: readonly string[]) => runCommand([name, ...args]);

  describe(`umbra ${name}`, () => {
    test("has a row in the table for every flag", () => {
      expect(command.options.map(({ long }) => String(long)).toSorted()).toEqual(
        Object.keys(rows).toSorted(),
      );
    });

    const works = Object.values(rows).flatMap(({ base = usualBase, works }) =>
      works.map((args) => ({ base, args })),
    );
    test.each(works)("$args has an effect", async ({ base, args }) => {
      expect(await run([...base, ...args])).not.toEqual(await run(base));
    });

    const refused = Object.values(rows).flatMap(({ base = usualBase, refused }) =>
      refused.map(([args, message]) => ({ base, args, message })),
    );
    test.each(refused)("$args is rejected: $message", async ({ base, args, message }) => {
      const { status, stdout, stderr } = await run([...base, ...args]);
      expect(status).not.toBe(0);
      // With errors, `-o json` prints the findings instead of a topology.
      expect(stdout).not.toMatch(/"pools"|"explanation"|static_resources/);
      expect(stderr).toMatch(message);
    });
  });
}
