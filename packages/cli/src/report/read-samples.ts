import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type EvaluationLine, parseEvaluationLine, parseSample, type Sample } from "@umbra/shadow";
import { CommandError } from "../errors.ts";

export interface SamplesRead {
  readonly samples: readonly Sample[];
  /** Evaluations that began or were closed while the process ran, in the order of the file. */
  readonly evaluations: readonly EvaluationLine[];
  /** The first few problems, as `FILE:LINE reason`. */
  readonly problems: readonly string[];
  readonly broken: number;
  /** Number of duplicate samples. */
  readonly repeated: number;
}

const shownProblems = 5;
/** A sample is about 600 bytes. */
const maxLineLength = 65_536;
const maxSamples = 2_000_000;
const maxEvaluations = 10_000;

/** Reads samples files, or standard input for `-`. Counts and lists invalid lines. Throws if a file can't be read. */
export async function readSamples(
  files: readonly string[],
  stdin: () => Readable,
): Promise<SamplesRead> {
  const samples: Sample[] = [];
  const evaluations: EvaluationLine[] = [];
  const problems: string[] = [];
  const seen = new Set<string>();
  let [broken, repeated] = [0, 0];
  for (const file of files) {
    const input = file === "-" ? stdin() : createReadStream(file);
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    // readline does not forward stream errors.
    const failed = new Promise<never>((_, reject) => input.once("error", reject));
    failed.catch(() => undefined);
    const reading = (async () => {
      let line = 0;
      for await (const text of lines) {
        line++;
        if (text.trim() === "") continue;
        const read =
          text.length > maxLineLength
            ? ({ ok: false, problem: "longer than 64 KiB" } as const)
            : parseSample(text);
        const about = read.ok ? undefined : evaluationIn(text);
        if (about !== undefined && evaluations.length < maxEvaluations) {
          evaluations.push(about);
          continue;
        }
        if (!read.ok) {
          broken++;
          if (problems.length < shownProblems) problems.push(`${file}:${line} ${read.problem}`);
          continue;
        }
        const { id, t0, route, candidate } = read.sample;
        const key = `${id} ${t0} ${route} ${candidate}`;
        if (seen.has(key)) {
          repeated++;
          continue;
        }
        if (samples.length >= maxSamples) {
          throw new Error(
            `there are more than ${maxSamples} samples: evaluate fewer files at once`,
          );
        }
        seen.add(key);
        samples.push(read.sample);
      }
    })();
    await Promise.race([reading, failed]).catch((cause: Error) => {
      throw new CommandError(`${file} can't be read: ${cause.message}`, { cause });
    });
  }
  return { samples, evaluations, problems, broken, repeated };
}

/** Undefined if the line is not about an evaluation. */
function evaluationIn(line: string): EvaluationLine | undefined {
  return line.length > maxLineLength ? undefined : parseEvaluationLine(line);
}
