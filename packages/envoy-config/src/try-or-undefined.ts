/** Returns what `make` returns, or undefined if it throws: its error would not help the reader of a diagnostic. */
export function tryOrUndefined<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
