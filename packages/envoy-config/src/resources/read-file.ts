import { defined } from "@umbra/shadow/defined";
import type { Diagnostic } from "../diagnostic.ts";
import { decodeFile } from "./file-text.ts";
import { mayHoldSecret, type ReadSegment, readSegment } from "./read-segment.ts";
import { maxRead } from "./reading-budget.ts";
import type { Finding, Step } from "./recorder.ts";
import { createReport } from "./report.ts";
import { splitText } from "./split-text.ts";

/** A file to read. */
export interface SourceFile {
  /** The path that the user gave. */
  readonly name: string;
  /** Text, or bytes that are not checked to be UTF-8 yet. */
  readonly text: string | Uint8Array;
}

/** A segment in a file. */
export interface PlacedSegment extends ReadSegment {
  /** Lines of the file above it. */
  readonly linesAbove: number;
}

/** What a file says. */
export interface ReadFile {
  readonly name: string;
  /** Empty if it can't be decoded. */
  readonly text: string;
  readonly segments: readonly PlacedSegment[];
  /** Findings about the file as a whole. */
  readonly findings: readonly Finding[];
  /** True: lines that can't be parsed must not be shown. */
  readonly mayHoldSecret: boolean;
  /** Why it can't be decoded or parsed as a whole; undefined if it can be. */
  readonly problem?: string;
}

/** Maximum instructions of a file's, or an object's, regular expressions that are compiled to check them: seconds. */
export const maxInstructions = 1_000_000;

/** Maximum documents of a file. */
const maxSegments = 20_000;

/**
 * Reads a file. Takes segments whose text is the same from `before`, an earlier reading of the file: nothing is read
 * twice. They move to their new place when the file is joined with others.
 */
export function readFile({ name, text: content }: SourceFile, before?: ReadFile): ReadFile {
  const decoded = decodeFile(content);
  if (!decoded.ok) {
    const { line, column, code, message, remedy } = decoded;
    const finding: Finding = ["error", code, { file: name, line, column }, message, { remedy }];
    const nothing = { name, text: "", segments: [], mayHoldSecret: false };
    return { ...nothing, findings: [finding], problem: message };
  }
  const known = Map.groupBy(before?.segments ?? [], ({ text }) => text);
  const segments: PlacedSegment[] = [];
  let left = maxRead;
  const compiling = { left: maxInstructions };
  const { text } = decoded;
  for (const part of splitText(text)) {
    const isOver = segments.length >= maxSegments;
    const tooMuch = isOver ? `more than ${maxSegments} documents in one file` : expanded;
    if (isOver || left < 0) {
      const place = { file: name, line: part.linesAbove + 1, column: 1 };
      const message = `the rest of the file is ignored: ${tooMuch}`;
      const findings: readonly Finding[] = [["error", "UMB0108", place, message]];
      return { name, text, segments, findings, problem: message, mayHoldSecret: true };
    }
    const reused = known.get(part.text)?.shift();
    const segment = reused ?? readSegment(name, part.text, { ...part, compiling });
    segments.push({ ...segment, linesAbove: part.linesAbove });
    left -= segment.spent;
    if (segment.isLast) break;
  }
  const problem = segments.find((each) => each.problem !== undefined)?.problem;
  const read = { name, text, segments, findings: [], mayHoldSecret: mayHoldSecret(text) };
  return { ...read, ...defined({ problem }) };
}

const expanded = "its aliases expand to too much";

/** Returns what is wrong with a file that can't be decoded or parsed, as diagnostics. */
export function problemsOf(file: ReadFile): readonly Diagnostic[] {
  const { report, diagnostics, show } = createReport();
  show(file.name, file.text);
  for (const { problem, start, linesAbove, steps } of file.segments) {
    if (problem === undefined) continue;
    // No good file has this segment, so it is nowhere else.
    start.linesAbove = linesAbove;
    for (const step of steps) {
      for (const finding of findingsOf(step, file)) {
        if (step.isUnparsed || finding[1] === "UMB0108") report(...finding);
      }
    }
  }
  for (const finding of file.findings) report(...finding);
  return diagnostics;
}

/** Returns the findings of a step, without the lines that may hold a secret. */
export function findingsOf(
  { findings, isUnparsed }: Step,
  file: Pick<ReadFile, "mayHoldSecret">,
): readonly Finding[] {
  if (!isUnparsed || !file.mayHoldSecret) return findings;
  return findings.map(([severity, code, place, ...rest]) => [
    ...([severity, code, { ...place, isSecret: true }] as const),
    ...rest,
  ]);
}
