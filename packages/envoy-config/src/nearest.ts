/** Returns the closest known name, if one is close enough. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  // Skip names that are too long to be typing errors.
  if (name.length > 64) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const each of known) {
    if (each.toLowerCase() === name.toLowerCase()) return each;
    if (name.length >= 4 && each.toLowerCase().includes(name.toLowerCase())) best ??= each;
    if (Math.abs(each.length - name.length) >= least) continue;
    const distance = editDistance(name, each);
    if (distance < least) {
      least = distance;
      best = each;
    }
  }
  return best;
}

/** Suggests a known name as the remedy for an unknown one. Puts it between `quotes`. */
export function didYouMean(
  name: string,
  known: readonly string[],
  quotes = "",
): { readonly remedy?: string } {
  const near = nearest(name, known);
  return near === undefined ? {} : { remedy: `did you mean ${quotes}${near}${quotes}?` };
}

/** Counts inserted, deleted, changed and swapped letters. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let least = Math.min(
        (row[j - 1] ?? 0) + (isSame ? 0 : 1),
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      }
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
