/** Moves a terminal's cursor, ends a line, or turns the direction of what follows around. */
const unprintable = /[\p{Cc}\p{Cs}\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]+/gu;

/** Text from outside on one line, without characters that steer what shows it. */
export function printable(text: string): string {
  return text.replace(unprintable, " ");
}
