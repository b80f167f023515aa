/** The scripts that are distinguished. `Japanese` is Han with kana; `Other` is any other script, `mixed` none of 60 %. */
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
/** Share of kana from which on Han is Japanese. */
const minKana = 0.05;

/**
 * Script of a normalized text: the one of at least 60 % of its letters, else `mixed`. Null if it has fewer than 20
 * letters.
 */
export function scriptOf(text: string): Script | null {
  const counts = new Map<Script, number>();
  /** Of letters outside ASCII, since looking one up is slow. */
  const known = new Map<number, Script | undefined>();
  let letters = 0;
  for (let i = 0; i < text.length; ) {
    const point = text.codePointAt(i) ?? 0;
    i += point > 0xffff ? 2 : 1;
    const script = letterScript(point, known);
    if (script === undefined) continue;
    letters++;
    counts.set(script, (counts.get(script) ?? 0) + 1);
  }
  return letters < minLetters ? null : dominant(counts, letters);
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

/** Undefined for what is not a letter. */
function letterScript(point: number, known: Map<number, Script | undefined>): Script | undefined {
  if (point < 128) return isAsciiLetter(point) ? "Latin" : undefined;
  if (known.has(point)) return known.get(point);
  const character = String.fromCodePoint(point);
  const script = /^\p{L}/u.test(character)
    ? (patterns.find(([pattern]) => pattern.test(character))?.[1] ?? "Other")
    : undefined;
  known.set(point, script);
  return script;
}
