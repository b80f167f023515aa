/** What a text has at a place that must not leave the process. */
export interface PrivateData {
  readonly start: number;
  /** Index after its last character. */
  readonly end: number;
  readonly mark: "[e-mail]" | "[phone]" | "[card]" | "[key]";
}

/** A text that is read character by character. */
export type ReadText = Pick<string, "length" | "charCodeAt" | "slice">;

/** Card numbers and keys, which are secrets. */
export function isSecret({ mark }: PrivateData): boolean {
  return mark === "[card]" || mark === "[key]";
}

/**
 * Finds e-mail addresses, telephone and card numbers, and keys, in order and without overlaps. The time is linear in the
 * text's length, whatever is in it: each rule reads runs of its characters, and no run is read again from within.
 */
export function findPrivateData(text: ReadText): readonly PrivateData[] {
  const numbers = betweenOf(text, findEmails(text), findNumbers);
  return betweenOf(text, numbers, findKeys);
}

type Find = (text: ReadText, from: number, to: number) => readonly PrivateData[];

/** Adds what is found between the places that are known. */
function betweenOf(
  text: ReadText,
  known: readonly PrivateData[],
  find: Find,
): readonly PrivateData[] {
  const all: PrivateData[] = [];
  let from = 0;
  for (const each of known) {
    all.push(...find(text, from, each.start), each);
    from = each.end;
  }
  all.push(...find(text, from, text.length));
  return all;
}

const kinds = { local: 1, label: 2, digit: 4, separator: 8, key: 16 } as const;
type Kind = (typeof kinds)[keyof typeof kinds];

const ascii = new Uint8Array(128);
function mark(characters: string, kind: Kind): void {
  for (let i = 0; i < characters.length; i++) {
    const code = characters.charCodeAt(i);
    ascii[code] = (ascii[code] ?? 0) | kind;
  }
}
const digits = "0123456789";
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
mark(`${letters}${digits}_.+-%`, kinds.local);
mark(`${letters}${digits}_-`, kinds.label);
mark(digits, kinds.digit);
mark(" ().-/", kinds.separator);
mark(`${letters}${digits}_+/=-`, kinds.key);
const [at, dot, plus, opening] = ["@", ".", "+", "("].map((each) => each.charCodeAt(0));

function is(code: number, kind: Kind): boolean {
  if (code < 128) return ((ascii[code] ?? 0) & kind) !== 0;
  return kind <= kinds.label && isForeignLetter(code);
}

/** Letters of Latin, Greek and Cyrillic. Others are written without blanks, so where an address begins is not known. */
function isForeignLetter(code: number): boolean {
  return (code >= 0xc0 && code <= 0x24f) || (code >= 0x370 && code <= 0x52f);
}

function findEmails(text: ReadText): readonly PrivateData[] {
  const found: PrivateData[] = [];
  let last = 0;
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== at) continue;
    let start = i;
    while (start > last && is(text.charCodeAt(start - 1), kinds.local)) start--;
    const end = start === i ? undefined : domainEnd(text, i + 1);
    last = end ?? i + 1;
    if (end !== undefined) found.push({ start, end, mark: "[e-mail]" });
    i = last - 1;
  }
  return found;
}

/** End of two labels or more with dots between them; undefined if there are none. */
function domainEnd(text: ReadText, from: number): number | undefined {
  let [end, labels] = [from, 0];
  for (;;) {
    const start = end;
    while (end < text.length && is(text.charCodeAt(end), kinds.label)) end++;
    if (end === start) return labels >= 2 ? start - 1 : undefined;
    labels++;
    if (end >= text.length || text.charCodeAt(end) !== dot) break;
    end++;
  }
  return labels >= 2 ? end : undefined;
}

/** Digits without anything between them. */
interface Group {
  readonly start: number;
  readonly end: number;
}

/** Most separators between two groups of one number. */
const maxBetween = 2;

function findNumbers(text: ReadText, from: number, to: number): readonly PrivateData[] {
  const found: PrivateData[] = [];
  for (let i = from; i < to; i++) {
    if (!is(text.charCodeAt(i), kinds.digit)) continue;
    const groups = groupsAt(text, i, to);
    found.push(...numbersIn(text, groups, from));
    i = (groups.at(-1)?.end ?? i + 1) - 1;
  }
  return found;
}

function groupsAt(text: ReadText, from: number, to: number): readonly Group[] {
  const groups: Group[] = [];
  let next = from;
  for (;;) {
    let end = next;
    while (end < to && is(text.charCodeAt(end), kinds.digit)) end++;
    if (end === next) return groups;
    groups.push({ start: next, end });
    next = end;
    while (next < to && next - end < maxBetween && is(text.charCodeAt(next), kinds.separator)) {
      next++;
    }
  }
}

function numbersIn(text: ReadText, groups: readonly Group[], from: number): readonly PrivateData[] {
  const [first, last] = [groups[0], groups.at(-1)];
  if (first === undefined || last === undefined) return [];
  const count = groups.reduce((sum, { start, end }) => sum + end - start, 0);
  const isShort = count <= maxCardDigits;
  if (isShort && count >= minCardDigits && isLuhn(digitsOf(text, groups))) {
    return [{ start: first.start, end: last.end, mark: "[card]" }];
  }
  const cards = cardsIn(text, groups);
  if (cards.length > 0) return cards;
  const start = beginOf(text, first.start, from);
  const isWritten = groups.length > 1 || start < first.start;
  if (count < 7 || count > 15 || !isWritten) return [];
  return [{ start, end: last.end, mark: "[phone]" }];
}

/** A telephone number may begin with `+` or `(`. */
function beginOf(text: ReadText, first: number, from: number): number {
  let start = first;
  if (start > from && text.charCodeAt(start - 1) === opening) start--;
  if (start > from && text.charCodeAt(start - 1) === plus) start--;
  return start;
}

const minCardDigits = 13;
const maxCardDigits = 19;
/** Cards are written in groups of four, or of four, six and five. */
const minGroup = 3;

/** Cards among other numbers. */
function cardsIn(text: ReadText, groups: readonly Group[]): readonly PrivateData[] {
  const found: PrivateData[] = [];
  let least = 0;
  for (let last = 0; last < groups.length; last++) {
    const first = cardEndingWith(text, groups, { least, last });
    if (first === undefined) continue;
    const [a, b] = [groups[first], groups[last]];
    if (a !== undefined && b !== undefined) {
      found.push({ start: a.start, end: b.end, mark: "[card]" });
    }
    least = last + 1;
  }
  return found;
}

/** Index of the first group of a card whose last group is `last`. */
function cardEndingWith(
  text: ReadText,
  groups: readonly Group[],
  { least, last }: { readonly least: number; readonly last: number },
): number | undefined {
  let count = 0;
  for (let first = last; first >= least; first--) {
    const group = groups[first];
    if (group === undefined || group.end - group.start < minGroup) return undefined;
    count += group.end - group.start;
    if (count > maxCardDigits) return undefined;
    if (count < minCardDigits) continue;
    const number = digitsOf(text, groups.slice(first, last + 1));
    if (issued.test(number) && isLuhn(number)) return first;
  }
  return undefined;
}

/** First digits of the numbers that are issued (ISO/IEC 7812-1), so that not every tenth long number is a card. */
const issued = /^(?:[3-6]|2[2-7])/;

function digitsOf(text: ReadText, groups: readonly Group[]): string {
  return groups.map(({ start, end }) => text.slice(start, end)).join("");
}

/** Luhn's check (ISO/IEC 7812-1). */
function isLuhn(number: string): boolean {
  let sum = 0;
  for (let i = 0; i < number.length; i++) {
    const digit = number.charCodeAt(number.length - 1 - i) - 48;
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const minKey = 20;

function findKeys(text: ReadText, from: number, to: number): readonly PrivateData[] {
  const found: PrivateData[] = [];
  for (let start = from; start < to; start++) {
    let end = start;
    while (end < to && is(text.charCodeAt(end), kinds.key)) end++;
    if (end - start >= minKey && isKey(text.slice(start, end))) {
      found.push({ start, end, mark: "[key]" });
    }
    start = end;
  }
  return found;
}

/** How keys of some services begin, also behind a name and `=`. */
const keyStart =
  /(?:^|[^A-Za-z0-9])(?:[sp]k[-_]|gh[opsu]_|github_pat_|glpat-|hf_|xox[abp]-|AKIA[A-Z0-9]|eyJ[A-Za-z0-9])/;
/** Minimum entropy of a key, in bits per character: words of a language have less. */
const minEntropy = 3.5;

function isKey(text: string): boolean {
  if (keyStart.test(text)) return true;
  const isMixed = /\d/.test(text) && /[A-Za-z]/.test(text);
  return isMixed && entropyOf(text) >= minEntropy;
}

/** Shannon entropy, in bits per character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) {
    bits -= (count / text.length) * Math.log2(count / text.length);
  }
  return bits;
}

/**
 * Where a text that was cut at its end is sure to be whole: what may be the start of an address, a number or a key is
 * left out, since a part of it can't be recognised.
 */
export function lastWhole(text: string): number {
  let end = text.length;
  for (;;) {
    while (end > 0 && isPart(text.charCodeAt(end - 1))) end--;
    let before = end;
    while (before > 0 && end - before < maxBetween && isBetween(text, before - 1)) before--;
    if (before === 0 || !is(text.charCodeAt(before - 1), kinds.digit)) return end;
    end = before;
  }
}

function isPart(code: number): boolean {
  return code === at || is(code, kinds.local) || is(code, kinds.key);
}

function isBetween(text: string, index: number): boolean {
  return is(text.charCodeAt(index), kinds.separator);
}
