import { describe, expect, test } from "@jest/globals";
import type { Command } from "commander";
import { runCommand } from "./run-command.ts";

/** What one flag of a command does, by examples. */
export interface FlagRow {
  /** What is given beside it, where that is not what the whole table is given. */
  readonly base?: readonly string[];
  /** Values that change what the command prints. */
  readonly works: readonly (readonly string[])[];
  /** Values that are refused, and what the message says. */
  readonly refused: readonly (readonly [readonly string[], RegExp])[];
}

/** Tests a command by a table that must have a row for each of its flags. */
export function describeFlags(
  command: Command,
  rows: Readonly<Record<string, FlagRow>>,
  usualBase: readonly string[],
): void {
  const name = command.name();
  const run = (args: readonly string[]) => runCommand([name, ...args]);

  describe(`umbra ${name}`, () => {
    test("has a row here for every flag", () => {
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
    test.each(refused)("$args is refused: $message", async ({ base, args, message }) => {
      const { status, stdout, stderr } = await run([...base, ...args]);
      expect(status).not.toBe(0);
      // What `-o json` prints of findings stands for them, and is no topology.
      expect(stdout).not.toMatch(/"pools"|"explanation"|static_resources/);
      expect(stderr).toMatch(message);
    });
  });
}
