/** One sample of a metrics page. */
export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** Names of samples that are read; all others are skipped without a look. Made once, used for every page. */
export interface WantedNames {
  readonly names: ReadonlySet<string>;
  /** By hash, so that no name is cut out of the page unless it is wanted. */
  readonly byHash: ReadonlyMap<number, readonly string[]>;
  /** Hashes of their first `headLength` characters: most lines of a page are known by them to be others. */
  readonly heads: ReadonlySet<number>;
  readonly headLength: number;
}

/** More samples of wanted names than this are not read: a hostile page must not grow without bound. */
const maxSamples = 10_000;
const maxLabels = 64;
/**
 * Work on one page, which holds up all picks: a label is one unit, and so are 8 lines, 64 bytes of a wanted line or 4 bytes of a
 * value with escapes. This much takes some 10 ms, and is ten times what a server of 500 adapters has.
 */
const maxWork = 40_000;
const maxLineLength = 65_536;

const longestHead = 8;

const hashSeed = 0x811c9dc5;
const hashPrime = 0x01000193;

export function wantedNames(names: Iterable<string>): WantedNames {
  const unique = new Set(names);
  const byHash = new Map<number, string[]>();
  for (const name of unique) byHash.set(hashOf(name), [...(byHash.get(hashOf(name)) ?? []), name]);
  const headLength = Math.min(longestHead, ...[...unique].map(({ length }) => length));
  const heads = new Set([...unique].map((name) => hashOf(name.slice(0, headLength))));
  return { names: unique, byHash, heads, headLength };
}

function hashOf(text: string): number {
  let hash = hashSeed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), hashPrime);
  return hash;
}

const hashSign = 0x23;
const openBrace = 0x7b;
const space = 0x20;
const tab = 0x09;
const newline = 0x0a;
const byteOrderMark = [0xef, 0xbb, 0xbf];

/**
 * Reads the wanted samples of a page in Prometheus' text format, or OpenMetrics'. Lines that make no sense are
 * skipped; timestamps, exemplars and blanks before a name are ignored; `NaN` and `+Inf` are values.
 *
 * @param page its text, or its bytes in UTF-8: of them only the wanted lines are decoded
 */
export function parsePrometheusText(
  page: string | Uint8Array,
  wanted: WantedNames,
): readonly Sample[] {
  const bytes = typeof page === "string" ? new TextEncoder().encode(page) : page;
  const samples: Sample[] = [];
  const budget = { workLeft: maxWork };
  let lines = 0;
  const { length } = bytes;
  const { byHash, heads, headLength } = wanted;
  let start = byteOrderMark.every((byte, i) => bytes[i] === byte) ? byteOrderMark.length : 0;
  while (start < length && samples.length < maxSamples && budget.workLeft > 0) {
    while (bytes[start] === space || bytes[start] === tab) start++;
    let at = start;
    let code = bytes[at];
    if (code !== hashSign) {
      let hash = hashSeed;
      while (code !== openBrace && code !== space && code !== tab && code !== newline) {
        // Undefined behind the end: none of the above.
        if (code === undefined) break;
        hash = Math.imul(hash ^ code, hashPrime);
        at++;
        if (at - start === headLength && !heads.has(hash)) break;
        code = bytes[at];
      }
      const name = byHash.get(hash)?.find((each) => isAt(bytes, start, at, each));
      if (name !== undefined) {
        const sample = parseRest(bytes, name, at, budget);
        if (sample !== undefined) samples.push(sample);
      }
    }
    const end = bytes.indexOf(newline, at);
    start = end < 0 ? length : end + 1;
    if ((++lines & 7) === 0) budget.workLeft--;
  }
  // Half a page says what is not so: a busy server's gauges may be behind it.
  return budget.workLeft > 0 ? samples : [];
}

/** Whether the bytes between `from` and `to` are this name, which is of ASCII. */
function isAt(bytes: Uint8Array, from: number, to: number, name: string): boolean {
  if (name.length !== to - from) return false;
  for (let i = 0; i < name.length; i++) {
    if (bytes[from + i] !== name.charCodeAt(i)) return false;
  }
  return true;
}

interface Budget {
  workLeft: number;
}

const utf8 = new TextDecoder();

/** Reads labels and value, which begin at `from`. */
function parseRest(
  bytes: Uint8Array,
  name: string,
  from: number,
  budget: Budget,
): Sample | undefined {
  const newlineAt = bytes.indexOf(newline, from);
  const end = newlineAt < 0 ? bytes.length : newlineAt;
  if (end - from > maxLineLength) return undefined;
  budget.workLeft -= 1 + ((end - from) >> 6);
  const line = utf8.decode(bytes.subarray(from, end)).trim();
  const labels = new Map<string, string>();
  let rest = line;
  if (line.startsWith("{")) {
    const valueAt = parseLabels(line, labels, budget);
    if (valueAt === undefined) return undefined;
    rest = line.slice(valueAt).trim();
  }
  const [token] = /^\S*/.exec(rest) as unknown as [string];
  const value = numberOf(token);
  return value === undefined ? undefined : { name, labels, value };
}

const label = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|(?=\}))/y;

/** Returns where the value begins. */
function parseLabels(
  line: string,
  labels: Map<string, string>,
  budget: Budget,
): number | undefined {
  let at = 1;
  for (let count = 0; count <= maxLabels; count++) {
    while (line[at] === " " || line[at] === ",") at++;
    if (line[at] === "}") return at + 1;
    label.lastIndex = at;
    const found = label.exec(line);
    if (found === null) return undefined;
    const [whole, name, value] = found as unknown as [string, string, string];
    const isEscaped = value.includes("\\");
    budget.workLeft -= isEscaped ? 1 + (value.length >> 2) : 1;
    if (budget.workLeft < 0) return undefined;
    labels.set(name, isEscaped ? value.replace(/\\(.)/g, unescaped) : value);
    at += whole.length;
  }
  return undefined;
}

function unescaped(_whole: string, character: string): string {
  return character === "n" ? "\n" : character;
}

const words: ReadonlyMap<string, number> = new Map([
  ["nan", Number.NaN],
  ["inf", Number.POSITIVE_INFINITY],
  ["+inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
]);

function numberOf(token: string): number | undefined {
  if (token === "") return undefined;
  const value = Number(token);
  return Number.isNaN(value) ? words.get(token.toLowerCase()) : value;
}
