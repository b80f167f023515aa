/** One sample of a metrics page. */
export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** More samples of wanted names than this are not read: a hostile page must not grow without bound. */
const maxSamples = 10_000;
const maxLabels = 64;

/**
 * Reads the wanted samples of a page in Prometheus' text format, or OpenMetrics'. Lines that make no sense are
 * skipped; timestamps and exemplars are ignored; `NaN` and `+Inf` are values.
 */
export function parsePrometheusText(text: string, wanted: ReadonlySet<string>): readonly Sample[] {
  const samples: Sample[] = [];
  let start = 0;
  while (start < text.length && samples.length < maxSamples) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    // `#`: the comments are half of a page.
    if (text.charCodeAt(start) !== 0x23) {
      const sample = parseLine(text, start, end, wanted);
      if (sample !== undefined) samples.push(sample);
    }
    start = end + 1;
  }
  return samples;
}

function parseLine(
  text: string,
  start: number,
  end: number,
  wanted: ReadonlySet<string>,
): Sample | undefined {
  let nameEnd = start;
  while (nameEnd < end) {
    const code = text.charCodeAt(nameEnd);
    // `{`, space or tab
    if (code === 0x7b || code === 0x20 || code === 0x09) break;
    nameEnd++;
  }
  const name = text.slice(start, nameEnd);
  if (!wanted.has(name)) return undefined;
  const line = text.slice(nameEnd, end).trim();
  const labels = new Map<string, string>();
  let rest = line;
  if (line.startsWith("{")) {
    const valueAt = parseLabels(line, labels);
    if (valueAt === undefined) return undefined;
    rest = line.slice(valueAt).trim();
  }
  const token = rest.split(/\s/, 1)[0];
  if (token === undefined || token === "") return undefined;
  const value = numberOf(token);
  return value === undefined ? undefined : { name, labels, value };
}

const label = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|(?=\}))/y;

/** Returns where the value begins. */
function parseLabels(line: string, labels: Map<string, string>): number | undefined {
  let at = 1;
  for (let count = 0; count < maxLabels; count++) {
    while (line[at] === " " || line[at] === ",") at++;
    if (line[at] === "}") return at + 1;
    label.lastIndex = at;
    const found = label.exec(line);
    if (found === null) return undefined;
    const [whole, name, value] = found;
    labels.set(name ?? "", (value ?? "").replace(/\\(.)/g, unescaped));
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
  const value = Number(token);
  return Number.isNaN(value) ? words.get(token.toLowerCase()) : value;
}
