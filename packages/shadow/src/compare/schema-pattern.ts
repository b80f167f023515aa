import { createRequire } from "node:module";

/**
 * The engine for a schema's `pattern`: RE2, whose time is linear in the length of the text for any pattern. Loaded on
 * demand, because most schemas have no pattern.
 */
function re2(): typeof import("re2js") {
  loaded ??= createRequire(import.meta.url)("re2js") as typeof import("re2js");
  return loaded;
}

let loaded: typeof import("re2js") | undefined;

/** A pattern that can be searched in a text. */
export interface SchemaPattern {
  /** Approximate upper limit of search steps for each character. */
  readonly stepsPerChar: number;
  readonly isIn: (text: string) => boolean;
}

const maxPatternLength = 512;
const maxSteps = 2_000;

/**
 * Compiles a pattern of JSON Schema, a regular expression of ECMAScript in Unicode mode. Undefined if it has parts that
 * RE2 lacks or reads in another way (look-around, back references, properties of Unicode), or if it is large.
 */
export function compilePattern(pattern: string): SchemaPattern | undefined {
  if (pattern.length > maxPatternLength || !isEcmaPattern(pattern)) return undefined;
  const stepsPerChar = stepsOf(pattern);
  const translated = stepsPerChar > maxSteps ? undefined : inRe2(pattern);
  if (translated === undefined) return undefined;
  try {
    const compiled = re2().RE2JS.compile(translated);
    return { stepsPerChar, isIn: (text) => compiled.matcher(text).find() };
  } catch {
    return undefined;
  }
}

/** Only parses the pattern: it is never run, so it takes no time. */
function isEcmaPattern(pattern: string): boolean {
  try {
    return new RegExp(pattern, "u").source !== "";
  } catch {
    return false;
  }
}

/** RE2 repeats a part that is repeated by a count. */
function stepsOf(pattern: string): number {
  let product = 1;
  for (const [, least, most] of pattern.matchAll(/\{(\d{1,6}),?(\d{0,6})\}/g)) {
    product = Math.min(maxSteps + 1, product * Math.max(1, Number(least), Number(most)));
  }
  return Math.max(1, pattern.length) * product;
}

/** One part of a pattern in Unicode mode, in the syntax that both languages share. */
const part = /\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})|\\(.)|\(\?:|\(\?|[[\].]|[^\\[\].(]+|\(/suy;

/** The white space of ECMAScript, in a class of RE2; without the line ends below. */
const spaces = "\\t\\v\\f \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}\\x{feff}";
const lineEnds = "\\n\\r\\x{2028}\\x{2029}";

function inRe2(pattern: string): string | undefined {
  part.lastIndex = 0;
  let [translated, isClass] = ["", false];
  while (part.lastIndex < pattern.length) {
    const found = part.exec(pattern);
    if (found === null) return undefined;
    const [text, four, two, escaped] = found;
    const next = translatePart(text, { code: four ?? two, escaped, isClass });
    if (next === undefined) return undefined;
    translated += next;
    if (text === "[") isClass = true;
    if (text === "]") isClass = false;
  }
  return translated;
}

interface Part {
  /** Of `\u` or `\x`, in hexadecimal. */
  readonly code: string | undefined;
  readonly escaped: string | undefined;
  readonly isClass: boolean;
}

function translatePart(text: string, { code, escaped, isClass }: Part): string | undefined {
  if (code !== undefined) {
    // Half of a pair means the pair in ECMAScript.
    return /^d[89a-f]/i.test(code) && code.length === 4 ? undefined : `\\x{${code}}`;
  }
  if (escaped === "s") return isClass ? `${spaces}${lineEnds}` : `[${spaces}${lineEnds}]`;
  if (escaped === "S") return isClass ? undefined : `[^${spaces}${lineEnds}]`;
  if (escaped !== undefined)
    return /^[dDwWnrtfv\\^$.*+?()[\]{}|/-]$/.test(escaped) ? text : undefined;
  if (text === "(?") return undefined;
  // In a class of RE2 `[:` begins the name of another.
  if (text === "[" && isClass) return "\\[";
  if (text === "." && !isClass) return `[^${lineEnds}]`;
  return text;
}
