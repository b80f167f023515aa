import { type AnswerAgreement, agreementOf } from "./agreement.ts";
import { type CompareOptions, prepareAnswer } from "./answer-check.ts";
import { compareAnswers, unknownRequest } from "./compare-answers.ts";
import {
  type ComparisonSummary,
  createSummary,
  type SummaryBuilder,
} from "./comparison-summary.ts";
import {
  createLinePairing,
  type LineGroup,
  type LineRole,
  type PairBy,
  type RoleLine,
  type UnpairedLine,
  type UnpairedWhy,
} from "./line-pairing.ts";
import { answerLines, requestLines, type UnusedLine } from "./recorded-lines.ts";

/** Files of recorded answers, as bytes. Each line is JSON that `readAnswer` reads. */
export interface AnswerFiles {
  readonly primary: AsyncIterable<Uint8Array>;
  readonly shadow: AsyncIterable<Uint8Array>;
  /** The primary's second answers to the same requests. */
  readonly floor?: AsyncIterable<Uint8Array>;
  /** The requests. Without them, the offered tools, schemas and sampling settings are unknown. */
  readonly requests?: AsyncIterable<Uint8Array>;
}

export interface CompareFilesOptions extends CompareOptions {
  /** Default: by id if the first line of each file has an id that the client chose, otherwise by line number. */
  readonly pairBy?: PairBy;
  /** Called every 1,000 lines with the number of lines read and of pairs compared. */
  readonly onProgress?: (lines: number, pairs: number) => void;
  readonly signal?: AbortSignal;
}

/** How the lines of one file were used. */
export interface FileLines {
  readonly role: LineRole;
  /** Unpaired lines by reason, with the numbers of the first few. */
  readonly unpaired: readonly UnpairedCount[];
  /** Lines that could not be read, with the numbers of the first few. */
  readonly unused: number;
  readonly first_unused: readonly UnusedLine[];
}

export interface UnpairedCount {
  readonly why: UnpairedWhy;
  readonly count: number;
  readonly first_lines: readonly number[];
}

/** The comparison of two files of answers: numbers and names, no text of an answer and no id. */
export interface FilesComparison extends ComparisonSummary {
  readonly schema: "answer-comparison/1";
  readonly paired_by: PairBy;
  readonly files: readonly FileLines[];
}

/**
 * Compares files of recorded answers line by line. Holds at most 128 MiB of lines, and four numbers and an id for each
 * pair. Throws the signal's reason if it is aborted.
 *
 * @throws PairingError if over 128 MiB of lines wait for the line of the same request in another file
 */
export async function compareFiles(
  files: AnswerFiles,
  options: CompareFilesOptions = {},
): Promise<FilesComparison> {
  const tally = createTally();
  const readers = readersOf(files, tally);
  const roles = readers.map(({ role }) => role);
  const summary = createSummary();
  try {
    const ended = new Set<LineRole>();
    const first = await nextOf(readers, ended);
    const by =
      options.pairBy ?? (first.every(({ line }) => line.id?.isOwn === true) ? "id" : "line");
    const pairing = createLinePairing(roles, by, ended, tally.unpaired);
    let [lines, pairs] = [0, 0];
    for (let read = first; read.length > 0; read = await nextOf(readers, ended)) {
      options.signal?.throwIfAborted();
      for (const each of read) {
        const group = pairing.add(each);
        if (++lines % progressEvery === 0) options.onProgress?.(lines, pairs);
        if (group === undefined) continue;
        addGroup(summary, group, options);
        pairs++;
      }
    }
    for (const group of pairing.rest()) addGroup(summary, group, options);
    return {
      schema: "answer-comparison/1",
      paired_by: by,
      files: roles.map((role) => tally.of(role)),
      ...summary.summary(),
    };
  } finally {
    await Promise.all(readers.map(({ lines }) => lines.return(undefined)));
  }
}

const progressEvery = 1_000;

interface Reader {
  readonly role: LineRole;
  readonly lines: AsyncGenerator<RoleLine>;
}

function readersOf({ primary, shadow, floor, requests }: AnswerFiles, tally: Tally): Reader[] {
  const answers = (role: "primary" | "shadow" | "floor", bytes: AsyncIterable<Uint8Array>) => ({
    role,
    lines: withRole(answerLines(bytes, tally.unused(role)), (line) => ({ role, line })),
  });
  return [
    answers("primary", primary),
    answers("shadow", shadow),
    ...(floor === undefined ? [] : [answers("floor", floor)]),
    ...(requests === undefined
      ? []
      : [
          {
            role: "request" as const,
            lines: withRole(requestLines(requests, tally.unused("request")), (line) => ({
              role: "request",
              line,
            })),
          },
        ]),
  ];
}

async function* withRole<Line>(
  lines: AsyncIterable<Line>,
  named: (line: Line) => RoleLine,
): AsyncGenerator<RoleLine> {
  for await (const line of lines) yield named(line);
}

/** The next line of each file that has one; the others are added to `ended`. */
async function nextOf(
  readers: readonly Reader[],
  ended: Set<LineRole>,
): Promise<readonly RoleLine[]> {
  const found: RoleLine[] = [];
  for (const { role, lines } of readers) {
    const next = await lines.next();
    if (next.done === true) ended.add(role);
    else found.push(next.value);
  }
  return found;
}

function addGroup(summary: SummaryBuilder, group: LineGroup, options: CompareOptions): void {
  const { primary, shadow, request = unknownRequest } = group;
  const comparison = compareAnswers(primary, shadow, request, options);
  summary.add({ request, comparison, ...floorOf(group, options) });
}

function floorOf(
  { primary, floor, request = unknownRequest }: LineGroup,
  options: CompareOptions,
): { readonly floor?: AnswerAgreement } {
  if (floor === undefined) return {};
  const [own, again] = [prepareAnswer(primary, options), prepareAnswer(floor, options)];
  return { floor: agreementOf(own, again, request) };
}

type Tally = ReturnType<typeof createTally>;

/** How many lines are listed by number. */
const maxListed = 5;

function createTally() {
  const unused = new Map<LineRole, { count: number; first: UnusedLine[] }>();
  const unpaired = new Map<LineRole, Map<UnpairedWhy, { count: number; first: number[] }>>();
  return {
    unused: (role: LineRole) => (line: UnusedLine) => {
      const found = unused.get(role) ?? { count: 0, first: [] };
      unused.set(role, found);
      found.count++;
      if (found.first.length < maxListed) found.first.push(line);
    },
    unpaired({ role, number, why }: UnpairedLine): void {
      const ofRole = unpaired.get(role) ?? new Map();
      const found = ofRole.get(why) ?? { count: 0, first: [] };
      unpaired.set(role, ofRole.set(why, found));
      found.count++;
      if (found.first.length < maxListed) found.first.push(number);
    },
    of: (role: LineRole): FileLines => ({
      role,
      unpaired: [...(unpaired.get(role) ?? [])].map(([why, { count, first }]) => ({
        ...{ why, count, first_lines: first },
      })),
      unused: unused.get(role)?.count ?? 0,
      first_unused: unused.get(role)?.first ?? [],
    }),
  };
}
