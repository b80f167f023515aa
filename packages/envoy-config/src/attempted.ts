/** What is made; undefined where making it throws, and why says nothing to the reader of a finding. */
export function attempted<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
