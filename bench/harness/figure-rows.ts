import { parseArgs } from "node:util";
import type { Figure } from "../live/figure.ts";

/** A row of a table of figures: what is done with `begin`, and its figures. */
export interface FigureRow<Begin> {
  /** For `--only`. */
  readonly key: string;
  readonly title: string;
  /** It fails after this time. */
  readonly mostSeconds: number;
  readonly measure: (begin: Begin) => Promise<readonly Figure[]>;
}

export interface FigureRowsOptions<Begin> {
  /** How the table is called: `npm run bench:live`. */
  readonly command: string;
  readonly rows: readonly FigureRow<Begin>[];
  /** What the next row begins with. */
  readonly begin: () => Promise<Begin>;
  /** Stops all that a row has started. */
  readonly stop: () => Promise<void>;
}

/** Measures rows one after the other, prints each figure with its bar, and sets the exit status: 1 if one is missed. */
export async function printFigureRows<Begin>(options: FigureRowsOptions<Begin>): Promise<void> {
  const { command, rows, stop } = options;
  const only = chosenKeys(command, rows);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void stop().then(() => process.exit(130)));
  }
  let isMissed = false;
  for (const row of rows.filter(({ key }) => only.includes(key))) {
    process.stdout.write(`${row.title}\n`);
    for (const { what, value, bar, isMet } of await figuresOf(row, options)) {
      const verdict = isMet ? "" : "  MISSED";
      process.stdout.write(`  ${what.padEnd(52)} ${value.padStart(12)}  ${bar}${verdict}\n`);
      if (!isMet) isMissed = true;
    }
  }
  process.exitCode = isMissed ? 1 : 0;
}

/** Ends the process on `--help` and on an unknown row. */
function chosenKeys<Begin>(command: string, rows: readonly FigureRow<Begin>[]): readonly string[] {
  const help = `${command} -- [--only LIST]

Prints each figure with its bar, and exits with 1 if one is missed. Linux only.

${rows.map(({ key, title, mostSeconds }) => `  ${key.padEnd(12)} ${title} (at most ${mostSeconds} s)`).join("\n")}
`;
  const { values: flags } = parseArgs({
    options: { only: { type: "string" }, help: { type: "boolean", default: false } },
  });
  if (flags.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  const only = flags.only?.split(",") ?? rows.map(({ key }) => key);
  const unknown = only.find((key) => rows.every((row) => row.key !== key));
  if (unknown !== undefined) {
    process.stderr.write(`--only: there is no row "${unknown}"\n\n${help}`);
    process.exit(2);
  }
  return only;
}

/** A row that fails is one that misses its bars. */
async function figuresOf<Begin>(
  { measure, mostSeconds }: FigureRow<Begin>,
  { begin, stop }: FigureRowsOptions<Begin>,
): Promise<readonly Figure[]> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not done after ${mostSeconds} s`)),
      mostSeconds * 1_000,
    );
  });
  try {
    return await Promise.race([begin().then(measure), limit]);
  } catch (cause) {
    const value = cause instanceof Error ? cause.message : String(cause);
    return [{ what: "failed", value, bar: "", isMet: false }];
  } finally {
    clearTimeout(timer);
    await stop();
  }
}
