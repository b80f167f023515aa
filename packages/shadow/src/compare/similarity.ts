import { codePointsOf } from "./normalized-text.ts";

/** Code points of each text that are compared. */
const similarityChars = 2_048;
/** Longest n-gram. */
const maxOrder = 6;
/** Places of the table: at least twice as many as two texts have n-grams, so that a search is short. */
const places = 4 * similarityChars;
/** Differs in each process, so that no text can be written whose n-grams share a place. Results do not depend on it. */
const seed = Math.floor(Math.random() * 2 ** 32);

/**
 * chrF of two normalized texts, 0 (nothing in common) to 1 (the same): Popović (2015) with n-grams of 1 to 6 characters,
 * beta 1, white space removed, and the average over the orders that both texts have. Symmetric. Compares the first 2,048
 * code points. Two empty texts are the same; one empty text has nothing in common with another.
 */
export function similarity(a: string, b: string): number {
  const [first, second] = [charactersOf(a), charactersOf(b)];
  if (first.length === 0 && second.length === 0) return 1;
  const [numbersOfFirst, numbersOfSecond] = [first.slice().fill(0), second.slice().fill(0)];
  const counts = new Uint16Array(first.length + second.length);
  let [precision, recall, orders] = [0, 0, 0];
  for (let order = 1; order <= maxOrder; order++) {
    const [grams, otherGrams] = [first.length - order + 1, second.length - order + 1];
    if (grams <= 0 || otherGrams <= 0) break;
    const table = createGramTable();
    table.number(numbersOfFirst, first, order);
    table.number(numbersOfSecond, second, order);
    const matches = commonGrams(
      numbersOfFirst.subarray(0, grams),
      numbersOfSecond.subarray(0, otherGrams),
      counts.fill(0),
    );
    precision += matches / grams;
    recall += matches / otherGrams;
    orders++;
  }
  if (precision + recall === 0) return 0;
  return (2 * precision * recall) / (precision + recall) / orders;
}

/** The first code points of a text without white space. */
function charactersOf(text: string): Uint32Array {
  return codePointsOf(text, similarityChars).filter((point) => !isSpace(point));
}

/** White space of ECMAScript, as `\s` has it. */
function isSpace(point: number): boolean {
  if (point <= 32) return point === 32 || (point >= 9 && point <= 13);
  if (point < 0x1680) return point === 0xa0;
  return (
    point === 0x1680 ||
    (point >= 0x2000 && point <= 0x200a) ||
    point === 0x2028 ||
    point === 0x2029 ||
    point === 0x202f ||
    point === 0x205f ||
    point === 0x3000 ||
    point === 0xfeff
  );
}

/** Occurrences that both lists have in common. `counts` has a zero for each number. */
function commonGrams(grams: Uint32Array, otherGrams: Uint32Array, counts: Uint16Array): number {
  for (const gram of grams) counts[gram] = (counts[gram] ?? 0) + 1;
  let matches = 0;
  for (const gram of otherGrams) {
    const left = counts[gram] ?? 0;
    if (left === 0) continue;
    counts[gram] = left - 1;
    matches++;
  }
  return matches;
}

/**
 * Numbers n-grams: equal ones get the same number, and only they, as a place of the table keeps what it stands for. An
 * n-gram is the (n-1)-gram at its start, which has a number, and one more character.
 */
function createGramTable() {
  const [starts, ends] = [new Uint32Array(places), new Uint32Array(places)];
  /** Number of a place's n-gram, plus 1; 0 for a free place. */
  const taken = new Uint16Array(places);
  let used = 0;

  function numberOf(start: number, end: number): number {
    let place = placeOf(start, end);
    for (; taken[place] !== 0; place = (place + 1) % places) {
      if (starts[place] === start && ends[place] === end) return (taken[place] ?? 1) - 1;
    }
    starts[place] = start;
    ends[place] = end;
    taken[place] = ++used;
    return used - 1;
  }

  return {
    /** Replaces the numbers of the (n-1)-grams by those of the n-grams. */
    number(numbers: Uint32Array, characters: Uint32Array, order: number): void {
      for (let i = 0; i + order <= characters.length; i++) {
        numbers[i] = numberOf(numbers[i] ?? 0, characters[i + order - 1] ?? 0);
      }
    },
  };
}

/** The mixing steps of MurmurHash3. */
function placeOf(start: number, end: number): number {
  let hash = Math.imul(start, 0x9e3779b1) ^ end ^ seed;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % places;
}
