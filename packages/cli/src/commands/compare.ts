import { createReadStream } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import {
  type AnswerFiles,
  type CompareFilesOptions,
  compareFiles,
  type FilesComparison,
  type LineRole,
  PairingError,
} from "@umbra/shadow/compare";
import { defined } from "@umbra/shadow/defined";
import { printable, printableJson } from "@umbra/shadow/printable";
import type { Command } from "commander";
import { stringify } from "yaml";
import { comparisonText } from "../compare/comparison-text.ts";
import { unusedLinesText } from "../compare/unused-lines.ts";
import { CommandError } from "../errors.ts";
import { commandOf, type FlagsOf, flag } from "../flags.ts";
import type { Io } from "../io.ts";
import { progressLine } from "../progress-line.ts";

const compareFlags = {
  floor: flag(
    "--floor <file>",
    "second answers of the primary to the same requests; they show how far it agrees with itself",
  ),
  requests: flag(
    "--requests <file>",
    "the requests, for their tools, JSON Schema, temperature and language",
  ),
  pairBy: flag(
    "--pair-by <way>",
    "pair by id or by line; when absent, by id if the first lines have `custom_id`, or `id` with `text`",
    ["id", "line"],
  ),
  keepReasoning: flag("--keep-reasoning", "also compare a leading <think>…</think>"),
  output: flag("-o, --output <form>", "output format", ["table", "json", "yaml"], "table"),
};

type CompareFlags = FlagsOf<typeof compareFlags>;

/** `umbra compare`: compares answers that were recorded elsewhere, without a gateway. */
export function compareCommand(io: Io): Command {
  return commandOf("compare", {
    summary: "compare recorded answers of two models",
    description:
      "Compares two files of answers to the same requests, one JSON value on each line: responses of OpenAI's chat completions, Anthropic messages, lines of a batch's output, or {id, text}. Prints numbers only, never text of an answer.",
    examples: [
      "umbra compare primary.jsonl shadow.jsonl",
      "umbra compare primary.jsonl shadow.jsonl --floor primary-again.jsonl --requests batch.jsonl -o json",
    ],
    flags: [compareFlags],
  })
    .argument("<primary>", "file of the primary's answers; - for standard input")
    .argument("<shadow>", "file of the shadow's answers")
    .action((primary: string, shadow: string, flags: CompareFlags) =>
      runCompare({ primary, shadow, flags }, io),
    );
}

interface CompareInput {
  readonly primary: string;
  readonly shadow: string;
  readonly flags: CompareFlags;
}

async function runCompare({ primary, shadow, flags }: CompareInput, io: Io): Promise<void> {
  const { floor, requests, pairBy, keepReasoning, output } = flags;
  const names = { primary, shadow, ...defined({ floor, request: requests }) };
  const open = (name: string) => bytesOf(name, io);
  const files: AnswerFiles = {
    primary: open(primary),
    shadow: open(shadow),
    ...(floor === undefined ? {} : { floor: open(floor) }),
    ...(requests === undefined ? {} : { requests: open(requests) }),
  };
  const options = { ...defined({ pairBy }), stripsReasoning: keepReasoning !== true };
  const comparison = await compared(files, options, io);
  for (const line of unusedLinesText(comparison.files, names)) io.stderr(`${printable(line)}\n`);
  if (comparison.pairs === 0) throw new CommandError(nothingPaired(comparison));
  io.stdout(textOf(comparison, output));
}

async function compared(
  files: AnswerFiles,
  options: CompareFilesOptions,
  io: Io,
): Promise<FilesComparison> {
  const progress = progressLine(io);
  try {
    return await compareFiles(files, {
      ...options,
      signal: io.signal,
      onProgress: (lines, pairs) => progress.show(`${lines} lines read, ${pairs} pairs compared`),
    });
  } catch (cause) {
    if (!(cause instanceof PairingError)) throw cause;
    const how = "sort the files in the same order, or use --pair-by line";
    throw new CommandError(`${cause.message}: ${how}`, { cause });
  } finally {
    progress.end();
  }
}

/** Opens a file when it is read. */
async function* bytesOf(name: string, io: Io): AsyncGenerator<Uint8Array> {
  const stream: Readable = name === "-" ? io.streamStdin() : createReadStream(name);
  addAbortSignal(io.signal, stream);
  try {
    for await (const chunk of stream) {
      yield typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Uint8Array);
    }
  } catch (cause) {
    if (io.signal.aborted) throw cause;
    throw new CommandError(`${name} can't be read: ${(cause as Error).message}`, { cause });
  }
}

function nothingPaired({ paired_by: by, files }: FilesComparison): string {
  const isRead = (role: LineRole) =>
    files.some((file) => file.role === role && file.unpaired.length > 0);
  if (!isRead("primary") && !isRead("shadow")) {
    return "nothing to compare: no line of the files is an answer; see umbra compare --help";
  }
  const how = by === "id" ? "the files share no id: use --pair-by line" : "use --pair-by id";
  return `nothing to compare: no line has a partner; ${how}`;
}

function textOf(comparison: FilesComparison, output: CompareFlags["output"]): string {
  switch (output) {
    case "json":
      return `${printableJson(comparison)}\n`;
    case "yaml":
      return stringify(comparison);
    case "table":
      return comparisonText(comparison);
  }
}
