/** Known scripts. `Japanese`: Han with kana; `Other`: any other script; `mixed`: no script has 60 % of the letters. */
export const scripts = [
  "Latin",
  "Cyrillic",
  "Greek",
  "Arabic",
  "Hebrew",
  "Devanagari",
  "Bengali",
  "Tamil",
  "Thai",
  "Hangul",
  "Han",
  "Japanese",
  "Other",
  "mixed",
] as const;

export type Script = (typeof scripts)[number];

const minLetters = 20;
const minShare = 0.6;
/** From this share of kana, Han counts as Japanese. */
const minKana = 0.05;

/**
 * Script of a normalized text: the one of at least 60 % of its letters, else `mixed`. Null if it has fewer than 20
 * letters.
 */
export function scriptOf(text: string): Script | null {
  const letters = new ScriptLetters();
  for (let i = 0; i < text.length; ) {
    const point = text.codePointAt(i) ?? 0;
    i += point > 0xffff ? 2 : 1;
    letters.add(point);
  }
  return letters.script();
}

/** Counts the letters of a text by their script. */
export class ScriptLetters {
  readonly #counts = new Map<Script, number>();
  #letters = 0;

  /** Adds a code point of the text. */
  add(point: number): void {
    const script = letterScript(point);
    if (script === undefined) return;
    this.#letters++;
    this.#counts.set(script, (this.#counts.get(script) ?? 0) + 1);
  }

  /** Script of the letters so far, as `scriptOf` returns it. */
  script(): Script | null {
    return this.#letters < minLetters ? null : dominant(new Map(this.#counts), this.#letters);
  }
}

function dominant(counts: Map<Script, number>, letters: number): Script {
  const kana = counts.get("Japanese") ?? 0;
  if (kana / letters >= minKana) {
    counts.set("Japanese", kana + (counts.get("Han") ?? 0));
    counts.delete("Han");
  }
  for (const [script, count] of counts) if (count / letters >= minShare) return script;
  return "mixed";
}

function isAsciiLetter(point: number): boolean {
  const lower = point | 32;
  return lower >= 97 && lower <= 122;
}

const patterns: readonly (readonly [RegExp, Script])[] = [
  [/^\p{sc=Latin}/u, "Latin"],
  [/^\p{sc=Cyrillic}/u, "Cyrillic"],
  [/^\p{sc=Greek}/u, "Greek"],
  [/^\p{sc=Arabic}/u, "Arabic"],
  [/^\p{sc=Hebrew}/u, "Hebrew"],
  [/^\p{sc=Devanagari}/u, "Devanagari"],
  [/^\p{sc=Bengali}/u, "Bengali"],
  [/^\p{sc=Tamil}/u, "Tamil"],
  [/^\p{sc=Thai}/u, "Thai"],
  [/^\p{sc=Hangul}/u, "Hangul"],
  [/^\p{sc=Han}/u, "Han"],
  [/^[\p{sc=Hiragana}\p{sc=Katakana}]/u, "Japanese"],
];

/** Cached scripts of letters outside ASCII, because a lookup is slow. */
const knownScripts = new Map<number, Script | undefined>();
/** Largest size of the cache: enough for the scripts in use, and bounded even for a text with every character. */
const maxKnown = 32_768;

/** Undefined for what is not a letter. */
function letterScript(point: number): Script | undefined {
  if (point < 128) return isAsciiLetter(point) ? "Latin" : undefined;
  const known = knownScripts.get(point);
  if (known !== undefined || knownScripts.has(point)) return known;
  const character = String.fromCodePoint(point);
  const script = /^\p{L}/u.test(character)
    ? (patterns.find(([pattern]) => pattern.test(character))?.[1] ?? "Other")
    : undefined;
  if (knownScripts.size < maxKnown) knownScripts.set(point, script);
  return script;
}
